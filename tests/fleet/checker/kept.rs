//! What nobody removed is still there: an entry that Redis gave to somebody is not loaded again within its life, unless
//! something can have been the reason. So it shows if one tenant's removals take another's entries, or if a removal takes
//! more than it names.

use std::collections::HashMap;
use std::time::Duration;

use super::quiet::Quiet;
use super::removals::Removals;
use super::{Millis, Rule, UNNOTICED, Violation};
use crate::catalogue::Family;
use crate::clock::{Nanos, nanos};
use crate::history::{History, Load, ProcessId, Read, Removal, Tier};
use crate::names::Tenant;

/// Before its end an entry may be on its way out.
const LAST_OF_LIFE: Nanos = nanos(Duration::from_secs(1));

/// A call that waited longer before its body ran may have given up on Redis.
const LOOKED: Nanos = nanos(Duration::from_millis(35));

/// Who has lost contact removes once more what it removed so lately; and whoever adopts a journal, what is in there.
const REPEATED: Nanos = nanos(Duration::from_secs(7));

/// What is told of a removal, a `put` or an outage comes a little after it, or before.
const AROUND: Nanos = nanos(Duration::from_millis(200));

type Entry = (Tenant, Family, u32);

pub(super) fn check(history: &History, quiet: &Quiet, removals: &Removals<'_>) -> Vec<Violation> {
    let mut hits: HashMap<Entry, Vec<(ProcessId, &Read)>> = HashMap::new();
    for (process, read) in &history.reads {
        if read.tier == Tier::Redis && !read.stale && read.family.life().is_some() {
            let entry = (history.tenant(*process), read.family, read.id);
            hits.entry(entry).or_default().push((*process, read));
        }
    }
    for reads in hits.values_mut() {
        reads.sort_unstable_by_key(|(_, read)| read.end);
    }
    let loads = by_entry(history);
    let reasons = Reasons {
        history,
        quiet,
        removals,
        loads: &loads,
    };
    let mut violations = Vec::new();
    for (process, load) in &history.loads {
        let tenant = history.tenant(*process);
        let Some(reads) = hits.get(&(tenant, load.family, load.id)) else {
            continue;
        };
        let before = reads.partition_point(|(_, read)| read.end < load.asked);
        let Some((hitter, hit)) = reads[..before].last() else {
            continue;
        };
        let life = load.family.life().unwrap_or(0);
        let alive = hit.got.began + life > load.begin + LAST_OF_LIFE;
        let looked = load.begin - load.asked < LOOKED;
        if alive && looked && !reasons.any(*process, hit, load) {
            violations.push(Violation {
                rule: Rule::VanishedWithoutReason,
                story: story(&reasons, (*hitter, hit), (*process, load)),
            });
        }
    }
    violations
}

fn by_entry(history: &History) -> HashMap<Entry, Vec<(ProcessId, &Load)>> {
    let mut loads: HashMap<Entry, Vec<_>> = HashMap::new();
    for (process, load) in &history.loads {
        let entry = (history.tenant(*process), load.family, load.id);
        loads.entry(entry).or_default().push((*process, load));
    }
    loads
}

/// Reason an entry may have gone.
struct Reasons<'a> {
    history: &'a History,
    quiet: &'a Quiet,
    removals: &'a Removals<'a>,
    loads: &'a HashMap<Entry, Vec<(ProcessId, &'a Load)>>,
}

impl Reasons<'_> {
    /// Between the load of a value and that of the next one.
    fn any(&self, process: ProcessId, hit: &Read, load: &Load) -> bool {
        let tenant = self.history.tenant(process);
        let entry = (tenant, load.family, load.id);
        let span = (hit.got.began.saturating_sub(AROUND), load.begin + AROUND);
        let asked = (load.asked.saturating_sub(AROUND), load.begin + AROUND);
        self.quiet.is_faulty(process, asked)
            || self.is_unsettled(span)
            || self.was_removed(entry, hit, span)
            || self.was_replaced(entry, span)
            || self.had_shut_redis(process, asked)
            || load
                .family
                .neighbour(tenant)
                .is_some_and(|family| self.was_taken((tenant, family, load.id), span))
    }

    fn is_unsettled(&self, (from, to): (Nanos, Nanos)) -> bool {
        let mut unsettled = self.history.unsettled.iter();
        let mut crashed = self.history.crashed.iter();
        unsettled.any(|window| window.from <= to && window.to + UNNOTICED >= from)
            || crashed.any(|crash| crash.at <= to && crash.at + REPEATED >= from)
    }

    /// By its own tenant, in that time; or before it, and perhaps once more in it.
    fn was_removed(&self, (tenant, family, id): Entry, hit: &Read, span: (Nanos, Nanos)) -> bool {
        let (from, to) = span;
        self.removals
            .called_within(tenant, family, id, (0, to))
            .filter(|(_, removal)| removal.target.covers(family, id, hit.got.author))
            .any(|(remover, removal)| {
                let bound = self.removals.bound_since(*remover, removal);
                let until = bound.map_or(Nanos::MAX, |bound| bound + AROUND);
                let repeated = removal.returned + REPEATED >= from
                    && self.quiet.is_cut_off(*remover, (removal.called, to));
                until >= from || repeated
            })
    }

    /// A `put` or a `refresh` takes the key, and may fail.
    fn was_replaced(&self, entry: Entry, (from, to): (Nanos, Nanos)) -> bool {
        let loads = self.loads.get(&entry).into_iter().flatten();
        let mut others = loads.filter(|(_, load)| !load.missed);
        others.any(|(_, load)| load.begin <= to && load.end >= from)
    }

    /// What waits for Redis keeps its process from reading it.
    fn had_shut_redis(&self, process: ProcessId, (from, to): (Nanos, Nanos)) -> bool {
        self.history.removals.iter().any(|(remover, removal)| {
            let bound = self.removals.bound_since(*remover, removal);
            *remover == process
                && !removal.durable
                && removal.called <= to
                && bound.is_none_or(|bound| bound >= from)
        })
    }

    /// What the other tenant removed last meanwhile, and may have taken this with it.
    fn suspect(
        &self,
        process: ProcessId,
        hit: &Read,
        load: &Load,
    ) -> Option<&(ProcessId, Removal)> {
        let tenant = self.history.tenant(process);
        let family = load.family.neighbour(tenant).unwrap_or(load.family);
        let removals = self.history.removals.iter();
        removals
            .filter(|(remover, removal)| {
                self.history.tenant(*remover) != tenant
                    && removal.called <= load.begin
                    && removal.returned >= hit.got.began
                    && removal.target.covers(family, load.id, hit.got.author)
            })
            .max_by_key(|(_, removal)| removal.called)
    }

    /// The other tenant has loaded something at the same place in Redis.
    fn was_taken(&self, (tenant, family, id): Entry, (from, to): (Nanos, Nanos)) -> bool {
        let other = match tenant {
            Tenant::Outer => Tenant::Inner,
            Tenant::Inner => Tenant::Outer,
        };
        let loads = self.loads.get(&(other, family, id)).into_iter().flatten();
        let mut loads = loads.map(|(_, load)| load);
        loads.any(|load| load.begin <= to && load.end + AROUND >= from)
    }
}

fn story(
    reasons: &Reasons<'_>,
    (hitter, hit): (ProcessId, &Read),
    (process, load): (ProcessId, &Load),
) -> String {
    let after = |time: Nanos| Millis(time.saturating_sub(hit.got.began));
    let told = format!(
        "process {hitter} got {:?} {} from Redis, loaded at {} and found until {} after that; process {process} found \
         nothing {} after it, though nobody had removed it",
        hit.family,
        hit.id,
        Millis(hit.got.began),
        after(hit.end),
        after(load.asked),
    );
    match reasons.suspect(process, hit, load) {
        Some((remover, removal)) => format!(
            "{told}; but process {remover} of another tenant removed {:?} {} after it",
            removal.target,
            after(removal.called)
        ),
        None => told,
    }
}
