//! The supervisor: one task that connects to Redis, replays waiting removals, publishes the connection and watches it.
//! Requests never connect.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::common::random;
use crate::outage::switch::Connection;
use crate::redis::connection::budget::patiently;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::incumbent::Duty;
use crate::redis::connection::link::{Link, Tended};
use crate::redis::connection::probe::meaning;
use crate::redis::connection::session::Session;
use crate::redis::connection::tier::Tier;
use crate::redis::held_leases::RENEW_EVERY;
use crate::telemetry::events::{self, CacheEvent};

/// The time between two heartbeats on a connection.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a near server may take to answer a heartbeat. Interval and answer together are shorter than
/// [`HEARD_WITHIN`](crate::outage::switch::HEARD_WITHIN), so that a silent connection is given up before memory is no
/// longer trusted.
const ANSWER: Duration = Duration::from_millis(900);

/// How long this server may take to answer a heartbeat: [`ANSWER`], or three of its round trips if that is longer, but
/// not beyond the longest time that calls or background work wait. Otherwise a far server would seem silent at each
/// heartbeat. Memory is not trusted longer because of this: while an answer takes too long, calls ask Redis.
fn answer_within(tier: &Tier, link: &Link) -> Duration {
    let longest = tier.settings.budget.max(tier.settings.command_timeout);
    ANSWER.max((3 * link.round_trip.shortest()).min(longest))
}

pub(in crate::redis) async fn supervise(weak: Weak<Tier>, duty: Arc<Duty>) {
    duty.sign_during(connect_and_attend(weak, &duty)).await;
}

async fn connect_and_attend(weak: Weak<Tier>, duty: &Arc<Duty>) {
    let mut outage = Outage::default();
    loop {
        let Some(tier) = weak.upgrade().filter(|tier| tier.is_supervised_by(duty)) else {
            return;
        };
        let probe = probe(&tier, duty).await;
        let until = match probe {
            Ok(link) => {
                outage.ended(&tier, &link);
                drop(tier);
                attend(&weak, duty, &link).await;
                continue_at(&weak)
            }
            // The cache uses the cluster that this server is a node of.
            Err(fault) if fault.is_a_cluster() && tier.is_closing() => return,
            Err(fault) => {
                outage.goes_on(&tier, &fault);
                tier.switch
                    .breaker
                    .lock()
                    .trip(Instant::now(), random::fraction());
                tier.gave_up_start();
                tier.failures.send_modify(|failures| *failures += 1);
                let until = tier.switch.breaker.lock().probe_at();
                drop(tier);
                Some(until)
            }
        };
        let Some(until) = until else { return };
        // Only shutdown or a replacement ends this wait early: other wake-ups must not shorten the open time.
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                () = duty.roused.notified() => {
                    if weak.upgrade().is_none_or(|tier| !tier.is_supervised_by(duty)) {
                        return;
                    }
                }
            }
        }
        if let Some(tier) = weak.upgrade() {
            tier.switch.breaker.lock().try_half_open(Instant::now());
        }
    }
}

fn continue_at(weak: &Weak<Tier>) -> Option<Instant> {
    weak.upgrade()
        .map(|tier| tier.switch.breaker.lock().probe_at())
}

/// The one probe of the half-open breaker: connects and publishes the connection. What a removal in the journal covers
/// is not read from Redis until that removal is replayed.
async fn probe(tier: &Arc<Tier>, duty: &Arc<Duty>) -> Result<Arc<Link>, Fault> {
    let link = tier.connect().await?;
    // The same run of the server still has the removals that it has acknowledged. If the run id is hidden, it may be
    // another server.
    if tier.last_run.swap(link.run, Ordering::SeqCst) != link.run || link.run == 0 {
        // Repeats removals that were recent when contact was lost, however long ago that was.
        tier.switch.repeat_recent();
    }
    let session = Session {
        tier: tier.clone(),
        link: link.clone(),
    };
    session.release_left_behind().await?;
    tier.publish_by_distance(&link, duty)?;
    // Replay waiting removals at once, not at the next heartbeat.
    tier.rouse();
    Ok(link)
}

/// Watches a connection until it is lost.
async fn attend(weak: &Weak<Tier>, duty: &Arc<Duty>, link: &Arc<Link>) {
    let mut next = Instant::now();
    if weak.upgrade().is_none_or(|tier| !tier.is_mark_due(link)) {
        next += HEARTBEAT;
    }
    let mut renewal = Instant::now() + RENEW_EVERY;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(next.min(renewal)) => {}
            () = duty.roused.notified() => {}
        };
        let Some(tier) = weak.upgrade() else { return };
        if link.is_lost() || !tier.is_supervised_by(duty) {
            return;
        }
        let now = Instant::now();
        let beat = now >= next || tier.is_mark_due(link);
        if now >= renewal {
            renewal = now + RENEW_EVERY;
            renew_leases(&tier, link);
        }
        if !tier.switch.journal.lock().is_empty() {
            let replayed = match still_answers(&tier, link).await {
                Ok(()) => tier.replay(link).await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = replayed {
                tier.lose(link, &fault.to_string());
                return;
            }
        }
        if beat {
            let longest = tier.catalogue.longest();
            let limit = answer_within(&tier, link);
            let marks = tier.marks(link);
            match patiently(limit, pin!(link.heartbeat(longest, marks))).await {
                Ok(tended) => {
                    tended_ledger(&tier, link, tended);
                    tier.keep_signed_in(link);
                    if tier.publish_by_distance(link, duty).is_err() {
                        return;
                    }
                }
                Err(Fault::TimedOut) => {
                    tier.lose(link, "no answer to the heartbeat");
                    link.abandon();
                }
                Err(fault) => tier.lose(link, &fault.to_string()),
            }
            next = Instant::now() + HEARTBEAT;
        }
    }
}

/// Renews leases in a task of its own, so that neither this nor the supervisor's other work waits for the other.
fn renew_leases(tier: &Arc<Tier>, link: &Arc<Link>) {
    if tier.held.is_empty() || tier.renewing.swap(true, Ordering::SeqCst) {
        return;
    }
    let session = Session {
        tier: tier.clone(),
        link: link.clone(),
    };
    let renewing = Renewing(tier.clone());
    tier.background.spawn(async move {
        session.renew_leases().await;
        drop(renewing);
    });
}

/// Marks that leases are being renewed, until it is dropped. It is dropped even if its task does not run to the end.
struct Renewing(Arc<Tier>);

impl Drop for Renewing {
    fn drop(&mut self) {
        self.0.renewing.store(false, Ordering::SeqCst);
    }
}

/// Acts on what a heartbeat has read of the ledger.
fn tended_ledger(tier: &Arc<Tier>, link: &Arc<Link>, tended: Tended) {
    let anew = link.ledger.birth() != Some(tended.birth);
    if anew && (!link.pushes || tier.target.is_cluster()) {
        // Without pushes nobody announced the new ledger: all that this process knows belongs to another one.
        tier.ledger_lost(link);
        tier.lose(link, "the ledger was lost, and a new one has begun");
        return;
    }
    link.ledger.raise_floor(tended.birth, tended.floor);
    let session = Session {
        tier: tier.clone(),
        link: link.clone(),
    };
    session.fold_if_long();
}

/// Checks, after time-outs, that the server still answers within a call's budget. The replay that follows may wait as
/// long as background work.
async fn still_answers(tier: &Tier, link: &Link) -> Result<(), Fault> {
    if link.timeouts.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    loop {
        match patiently(
            tier.settings.budget,
            pin!(link.heartbeat(tier.catalogue.longest(), tier.marks(link))),
        )
        .await
        {
            Err(Fault::TimedOut) if !tier.switch.breaker.lock().failed() => {}
            answered => return answered.map(drop),
        }
    }
}

/// Logs outages: once per transition, not per attempt.
#[derive(Default)]
struct Outage {
    since: Option<Instant>,
    said: Option<String>,
    connected_before: bool,
}

impl Outage {
    fn goes_on(&mut self, tier: &Tier, fault: &Fault) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            events::tell(CacheEvent::RedisLost);
        }
        let reason = meaning(&tier.target, fault);
        tier.report_unusable(Some(reason.clone()));
        if self.said.as_deref() != Some(&reason) {
            say_unusable(tier, fault, &reason);
            self.said = Some(reason);
        }
    }

    fn ended(&mut self, tier: &Tier, link: &Link) {
        let tls = if tier.is_tls() { " (TLS)" } else { "" };
        let pushes = link.pushes;
        tier.report_unusable(None);
        let node = link.info.addr().to_string();
        tier.report_lacking(&link.lacks, &node);
        let recovered = self.connected_before || self.since.is_some();
        if !tier
            .target
            .is_first_to_say(if recovered { "recovered" } else { "connected" })
        {
        } else if recovered {
            let after = self.since.map_or(Duration::ZERO, |since| since.elapsed());
            tracing::info!(redis = %tier.target, ?after, pushes, "Redis is connected again{tls}, and the breaker is closed");
        } else {
            tracing::info!(redis = %tier.target, pushes, "Redis is connected{tls}");
        }
        events::tell(CacheEvent::RedisConnected);
        self.connected_before = true;
        self.since = None;
        self.said = None;
    }
}

/// Logs why there is no connection. The buckets of one master say it once.
fn say_unusable(tier: &Tier, fault: &Fault, reason: &str) {
    let (target, node) = (&tier.target, tier.target.node());
    let key = format!("{reason} {}", node.as_deref().unwrap_or_default());
    if !target.is_first_to_say(&key) {
        return;
    }
    match (fault, node) {
        (Fault::Refused(_), Some(node)) => {
            tracing::error!(redis = %target, node, %reason, "Redis refuses the connection to a master: calls for its keys use only memory and their bodies until this is corrected");
        }
        (Fault::Refused(_), None) => {
            tracing::error!(redis = %target, %reason, "Redis refuses the connection: calls use only memory and their bodies until this is corrected");
        }
        (_, Some(node)) => {
            tracing::warn!(redis = %target, node, %reason, "a master of the Redis Cluster cannot be reached: calls for its keys use only memory and their bodies, and the cache keeps trying to connect");
        }
        (_, None) => {
            tracing::warn!(redis = %target, %reason, "Redis cannot be reached: calls use only memory and their bodies, and the cache keeps trying to connect");
        }
    }
}
