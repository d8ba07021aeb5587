//! Who begins acts: tasks, each when its last act has ended; or a clock, whatever becomes of the acts.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::Cache;
use tokio::sync::{RwLock, Semaphore};
use tokio::time::Instant;

use super::Orders;
use crate::acts::Actor;
use crate::body::world;
use crate::catalogue::Family;
use crate::history::Event;
use crate::names::Tenant;
use crate::random::Random;
use crate::reads::read;

/// Acts that may be under way at once where a clock begins them. What is due beyond that is dropped, and counted.
const UNDER_WAY: usize = 512;

/// How often a process tells how many it has begun and dropped.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Held by every act, and by a pause alone.
pub(super) type Gate = Arc<RwLock<()>>;

/// Begins what begins acts, on the current runtime.
pub(super) fn begin(orders: &Orders, cache: &'static Cache, random: &Random, gate: &Gate) {
    let actor = || Actor {
        cache,
        plan: orders.plan.clone(),
        random: random.fork(),
        tenant: Tenant::at(orders.place, orders.plan.tenants),
        writes: orders
            .plan
            .writer
            .is_none_or(|writer| writer == orders.place),
    };
    if orders.plan.rate > 0 {
        tokio::spawn(at_a_rate(Arc::new(actor()), orders.plan.rate, gate.clone()));
        return;
    }
    for _ in 0..orders.plan.tasks {
        tokio::spawn(one_after_the_other(actor(), gate.clone()));
    }
}

async fn one_after_the_other(actor: Actor, gate: Gate) {
    loop {
        let act = gate.read().await;
        actor.act().await;
        drop(act);
        actor.pause().await;
    }
}

/// So many acts a second. What came due while the runtime was late is begun at once: the world does not wait, either.
async fn at_a_rate(actor: Arc<Actor>, rate: u64, gate: Gate) {
    let between = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX);
    let under_way = Arc::new(Semaphore::new(UNDER_WAY));
    let (mut begun, mut dropped) = (0, 0);
    let mut told = Instant::now();
    loop {
        // Where acts are paused, so is the clock.
        drop(gate.read().await);
        let mut due = Instant::now();
        loop {
            tokio::time::sleep_until(due).await;
            let Ok(pass) = gate.clone().try_read_owned() else {
                break;
            };
            match under_way.clone().try_acquire_owned() {
                Ok(place) => {
                    begun += 1;
                    let actor = actor.clone();
                    tokio::spawn(async move {
                        actor.act().await;
                        drop((place, pass));
                    });
                }
                Err(_) => dropped += 1,
            }
            due += between;
            if told.elapsed() > TOLD_EVERY {
                world().teller.tell(Event::Begun { begun, dropped });
                (begun, dropped, told) = (0, 0, Instant::now());
            }
        }
        world().teller.tell(Event::Begun { begun, dropped });
        (begun, dropped, told) = (0, 0, Instant::now());
    }
}

/// Keeps all threads of this runtime for so long: each reads what memory holds, over and over, and never yields. To the
/// runtime the pauses between are work like any other, but they leave the processor to other processes.
pub(super) fn starve(orders: &Orders, random: &Random, gate: &Gate, length: Duration) {
    for _ in 0..orders.threads() {
        // Where acts are paused, there is nobody to be kept from anything.
        let Ok(pass) = gate.clone().try_read_owned() else {
            return;
        };
        let families = orders.plan.families.clone();
        let (random, rows) = (random.fork(), u64::from(orders.plan.rows));
        tokio::spawn(async move {
            let deadline = Instant::now() + length;
            while Instant::now() < deadline {
                let family = random.weighted(&families).unwrap_or(Family::Item);
                if family.is_near() && family != Family::Thread {
                    read(family, random.below(rows) as u32).await;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(pass);
        });
    }
}
