//! How long the operations of the cache take, on a cache in a namespace of its own.

use std::time::Duration;

use tokio::time::Instant;

use crate::common::random;
use crate::ctl::cluster::Kind;
use crate::ctl::doctor::report::{Check, Latency, Report};
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::histogram::Histogram;
use crate::ctl::place::Place;
use crate::ctl::plain::Plain;
use crate::ctl::scratch::{LIFE, Scratch};
use crate::ctl::units::millis;
use crate::entry::{self, CodecKind, Draft, Head};
use crate::key::{CacheKey, Pattern};
use crate::redis::{Bucket, Console, Fault, Lease, Master, Over, Planted, Sealed, Session, Target};

/// Samples of each operation, and for how long they are taken at most.
const SAMPLES: usize = 200;
const CONNECTIONS: usize = 10;
const AT_MOST: Duration = Duration::from_secs(2);

/// The size of the value that is stored.
const VALUE: [u8; 100] = [b'x'; 100];

pub(super) async fn check(place: &Place, report: &mut Report) {
    let measured = async {
        let kind = place.kind().await?;
        let plain = Plain::open(place, &kind).await?;
        let scratch = Scratch::begin(place, &kind, "doctor").await?;
        let measured = measure(place, &place.target, &scratch, None).await;
        scratch.end(&plain, (0..SAMPLES).map(name)).await?;
        measured
    };
    add(place, measured.await, None, report);
}

/// The same on each of these masters, one after the other, so that they do not disturb each other. All others are left
/// out.
pub(super) async fn check_masters(
    place: &Place,
    kind: &Kind,
    masters: &[(&Master, Bucket)],
    report: &mut Report,
) {
    let scratch = match Scratch::begin(place, kind, "doctor").await {
        Ok(scratch) => scratch,
        Err(failure) => {
            report.add(Check::failed("latency", failure));
            return;
        }
    };
    for (master, bucket) in masters {
        let measured = measure(place, &master.target, &scratch, Some(*bucket)).await;
        add(place, measured, Some(&master.name), report);
    }
    scratch.close().await;
    for (master, bucket) in masters {
        if let Err(fault) = tidied(place, master, *bucket, &scratch.prefix).await {
            let text = format!("what was stored for the measurement cannot be deleted: {fault}");
            let check = Check::warning("latency", text)
                .remedy("it expires by itself, entries within minutes, the rest within a day");
            report.add(check.at(&master.name));
        }
    }
}

/// Deletes what the measurement has left on a master: its keys in one bucket, and the ledgers in all of them.
async fn tidied(
    place: &Place,
    master: &Master,
    measured: Bucket,
    prefix: &str,
) -> Result<(), Fault> {
    let console = Console::open(&master.target, place.limit()).await?;
    for bucket in &master.buckets {
        let own = ["%ledger", "%catalogue"].into_iter().map(str::to_owned);
        let samples = (0..SAMPLES).flat_map(|at| [name(at), format!("{}%lock", name(at))]);
        let samples = samples.filter(|_| *bucket == measured);
        let prefix = bucket.prefix(prefix);
        let names = own.chain(samples).map(|key| format!("{prefix}{key}"));
        let words: Vec<String> = std::iter::once("UNLINK".to_owned()).chain(names).collect();
        console.ask::<u64>(&words).await?;
    }
    Ok(())
}

fn add(
    place: &Place,
    measured: Result<Vec<Latency>, Failure>,
    node: Option<&str>,
    report: &mut Report,
) {
    let mut check = match &measured {
        Ok(latencies) => {
            let get = latencies.iter().find(|latency| latency.operation == "GET");
            distance(place, get.map_or(0.0, |get| get.p50_ms))
        }
        Err(failure) => Check::failed("latency", failure.clone()),
    };
    check.node = node.map(str::to_owned);
    report.add(check);
    report.latency.extend(
        measured
            .unwrap_or_default()
            .into_iter()
            .map(|latency| Latency {
                node: node.map(str::to_owned),
                ..latency
            }),
    );
}

/// Whether the server is near enough for the budget of a call.
fn distance(place: &Place, get: f64) -> Check {
    let budget = millis(place.config.budget);
    let text =
        format!("half of all GETs take less than {get:.2} ms; CACHE_BUDGET is {budget:.0} ms");
    let enough = (get * 5.0 / 2.0).ceil();
    if get * 9.0 / 8.0 > budget {
        return Check::problem("latency", text)
            .because("one round trip takes longer than a call may wait, so calls go without Redis")
            .remedy(format!(
                "set CACHE_BUDGET to {enough:.0}ms or more, or use a server that is nearer"
            ));
    }
    if get * 9.0 / 4.0 > budget {
        return Check::warning("latency", text)
            .because("only one round trip fits into the budget of a call; a small delay more, and calls go without Redis")
            .remedy(format!("set CACHE_BUDGET to {enough:.0}ms or more, or use a server that is nearer"));
    }
    Check::ok("latency", text)
}

/// `bucket`: the measurement is made on the master of this bucket.
async fn measure(
    place: &Place,
    target: &Target,
    scratch: &Scratch,
    bucket: Option<Bucket>,
) -> Result<Vec<Latency>, Failure> {
    let mut latencies = vec![connections(place, target).await?];
    latencies.extend(operations(place, scratch, bucket).await?);
    Ok(latencies)
}

async fn connections(place: &Place, target: &Target) -> Result<Latency, Failure> {
    let mut times = Histogram::default();
    let began = Instant::now();
    while times.count() < CONNECTIONS as u64 && began.elapsed() < AT_MOST {
        let each = Instant::now();
        let opened = Console::open(target, place.limit()).await;
        opened.map_err(|fault| explain::no_connection(target, &fault))?;
        times.add(each.elapsed());
    }
    Ok(latency("connect", &times))
}

fn name(at: usize) -> String {
    format!("{at}")
}

async fn operations(
    place: &Place,
    scratch: &Scratch,
    bucket: Option<Bucket>,
) -> Result<Vec<Latency>, Failure> {
    let session = scratch.session(bucket).await?;
    let mut times: [Histogram; 5] = Default::default();
    let began = Instant::now();
    for at in 0..SAMPLES {
        // At least one of each, however far the server is.
        if at > 0 && began.elapsed() > AT_MOST * 4 {
            break;
        }
        one_of_each(&session, &name(at), &mut times)
            .await
            .map_err(|fault| {
                explain::refused(
                    &place.target,
                    "an operation failed while it was measured",
                    &fault,
                )
            })?;
    }
    let names = [
        "GET",
        "lease",
        "store",
        "removal by key",
        "removal by prefix",
    ];
    Ok(names
        .iter()
        .zip(&times)
        .map(|(name, times)| latency(name, times))
        .collect())
}

/// Measures the steps of a miss, and then both kinds of removal.
async fn one_of_each(
    session: &Session,
    key: &str,
    times: &mut [Histogram; 5],
) -> Result<(), Fault> {
    let [get, lease, store, by_key, by_prefix] = times;
    let head = entry::lease_head(random::bytes(), session.stamp(key));
    let began = Instant::now();
    session.get(key).await?;
    get.add(began.elapsed());
    let began = Instant::now();
    let planted = session.plant(key, &head, Over::Nothing).await?;
    lease.add(began.elapsed());
    if matches!(planted, Planted::Ours) {
        let lease = session.lease(key, &head);
        let began = Instant::now();
        store_over(&lease, session, key).await?;
        store.add(began.elapsed());
    }
    let began = Instant::now();
    session
        .remove(&[Pattern::key(&CacheKey::new(key))], None)
        .await?;
    by_key.add(began.elapsed());
    let began = Instant::now();
    session
        .remove(&[Pattern::Prefix(format!("{key}:"))], None)
        .await?;
    by_prefix.add(began.elapsed());
    Ok(())
}

async fn store_over(lease: &Lease, session: &Session, key: &str) -> Result<bool, Fault> {
    let (head, rest): (Head, Vec<u8>) = Draft {
        id: random::bytes(),
        stamp: session.stamp(key),
        ttl_ms: u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX),
        load_ms: 0,
        template: 0,
        fingerprint: 0,
        codec: CodecKind::DEFAULT,
        none: false,
        packed: None,
        tags: &[],
        payload: &VALUE,
    }
    .seal();
    let sealed = Sealed {
        head,
        rest: &rest,
        life: LIFE,
        tags: &[],
    };
    lease.store(&sealed).await
}

fn latency(operation: &'static str, times: &Histogram) -> Latency {
    let at = |share| millis(times.quantile(share));
    Latency {
        node: None,
        operation,
        samples: times.count(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        max_ms: millis(times.longest()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::config::CacheConfig;
    use crate::ctl::doctor::report::Status;
    use crate::redis::Target;

    #[test]
    fn a_server_is_too_far_when_a_round_trip_does_not_fit_into_the_budget() {
        let place = Place {
            config: CacheConfig::default().budget(Duration::from_millis(50)),
            target: Target::parse("REDIS_URL", "redis://localhost").unwrap(),
            prefix: String::new(),
        };
        for (millis, status) in [
            (0.1, Status::Ok),
            (30.0, Status::Warning),
            (60.0, Status::Problem),
        ] {
            assert_eq!(distance(&place, millis).status, status);
        }
    }
}
