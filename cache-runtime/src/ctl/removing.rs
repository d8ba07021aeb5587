//! What a removal by hand answers, for `invalidate` and `clear`.

use std::time::Duration;

use serde::Serialize;

use crate::cache::Cache;
use crate::ctl::cluster::{Cluster, Kind};
use crate::ctl::failure::Failure;
use crate::ctl::out::Out;
use crate::ctl::place::Place;
use crate::ctl::unavailable::Unavailable;
use crate::ctl::units;
use crate::redis::{BUCKETS, Bucket};
use crate::telemetry::invalidation::{Durability, Invalidation};

/// How long closing waits for work under way.
const CLOSING: Duration = Duration::from_secs(5);

/// The answer with `--json`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    pattern: &'a str,
    dry_run: bool,
    removed: u64,
    durability: &'static str,
}

/// Closes the cache, which tries once more what a server did not acknowledge. Prints how many entries went, or says who
/// has not acknowledged the removal.
pub(super) async fn told(
    place: &Place,
    kind: &Kind,
    pattern: &str,
    cache: &Cache,
    done: Invalidation,
    out: &Out,
) -> Result<u8, Failure> {
    cache.close(CLOSING).await;
    let waits: Vec<usize> = (cache.inner.shards.tiers().enumerate())
        .filter(|(_, tier)| tier.journal_len() > 0)
        .map(|(at, _)| at)
        .collect();
    if !waits.is_empty() {
        return Err(match kind {
            Kind::Server(_) => unacknowledged(place, pattern),
            Kind::Cluster(cluster) => in_part(place, cluster, pattern, cache, done, &waits),
        });
    }
    if !done.is_durable() {
        out.note(
            "note: it was acknowledged late, so there may have been more entries than counted",
        );
    }
    if out.json {
        out.json(&Answer {
            pattern,
            dry_run: false,
            removed: done.removed,
            durability: Durability::Durable.as_str(),
        });
    } else {
        out.text(&format!("removed {}\n", units::entries(done.removed)));
    }
    Ok(0)
}

fn unacknowledged(place: &Place, pattern: &str) -> Failure {
    Failure::problem(format!(
        "{}: the removal of `{pattern}` was not acknowledged; it may or may not have happened",
        place.target
    ))
    .because("the server did not answer in time, or refuses the removal")
    .remedy("run the command again; `cachectl doctor` shows what is wrong with the server")
}

/// Some masters have not acknowledged it.
fn in_part(
    place: &Place,
    cluster: &Cluster,
    pattern: &str,
    cache: &Cache,
    done: Invalidation,
    waits: &[usize],
) -> Failure {
    let tiers: Vec<_> = cache.inner.shards.tiers().collect();
    let mut away: Vec<Unavailable> = Vec::new();
    for (at, bucket) in Bucket::all()
        .enumerate()
        .filter(|(at, _)| waits.contains(at))
    {
        let Some(master) = cluster.map.master_of(bucket) else {
            Unavailable::unserved(1).add_to(&mut away);
            continue;
        };
        let why = tiers.get(at).map(|tier| tier.notes().join("; "));
        let failure = Failure::problem("the removal was not acknowledged there");
        let failure = match why.filter(|why| !why.is_empty()) {
            Some(why) => failure.because(why),
            None => failure.because("it did not answer in time, or refuses the removal"),
        };
        failure
            .at(&master.name, 1, &master.target)
            .add_to(&mut away);
    }
    let mut failure = Failure::problem(format!(
        "{}: the removal of `{pattern}` was not acknowledged for {} of {BUCKETS} buckets of keys; removed {} elsewhere",
        place.target,
        waits.len(),
        units::entries(done.removed)
    ))
    .because("processes may still serve what it covers in those buckets")
    .remedy("run the command again when these masters answer; `cachectl doctor` shows what is wrong with them");
    failure.unavailable = away;
    failure.removed = Some(done.removed);
    failure
}
