//! No value from before a removal after it: the rules about what a read may return.
//!
//! A removal has returned when its caller says so, and a read begins before its call is made: a thread that waits for the
//! processor at either place makes them look closer to one another than they were, never further apart. So nothing excuses
//! a process that reads what it has removed itself. Another process's memory depends on a push, whose way is long: server,
//! proxy, the process's own runtime. What each of them was late is measured beside it, and does not count.

use std::collections::HashMap;
use std::time::Duration;

use super::quiet::Quiet;
use super::{Millis, OUTAGE_MAX_AGE, PUSH_DELAY, Rule, Violation, of};
use crate::catalogue::Family;
use crate::clock::{Nanos, nanos};
use crate::history::{History, ProcessId, Read, Removal, Tier};

/// What memory may lag in an outage, all in all: its age, the loads that filled it, and the delay of the last push.
const OUTAGE_LAG: Nanos = nanos(OUTAGE_MAX_AGE) + nanos(Duration::from_millis(750));

/// A process notices itself that it is cut off, but reports it some milliseconds later.
const NOTICE: Nanos = nanos(Duration::from_millis(30));

type Removals<'a> = HashMap<(Family, u32), Vec<&'a (ProcessId, Removal)>>;

pub(super) fn check(history: &History, quiet: &Quiet) -> Vec<Violation> {
    let removals = by_entry(history);
    let bound = Bound::of(history);
    let mut violations = Vec::new();
    for (process, read) in &history.reads {
        let Some(removals) = removals.get(&(read.family, read.id)) else {
            continue;
        };
        // Called before the read began, and after its value's load had: in order of the call, a short way back.
        let later = removals.partition_point(|(_, removal)| removal.called < read.begin);
        let broken = removals[..later]
            .iter()
            .rev()
            .take_while(|(_, removal)| removal.called > read.got.began)
            .filter(|(_, removal)| removal.returned < read.begin)
            .filter(|(_, removal)| removal.target.covers(read.family, read.id, read.got.author))
            .find_map(|(remover, removal)| {
                let rule = broken_rule(
                    history,
                    quiet,
                    &bound,
                    (*process, read),
                    (*remover, removal),
                )?;
                Some(Violation {
                    rule,
                    story: story((*process, read), (*remover, removal)),
                })
            });
        violations.extend(broken);
    }
    violations
}

/// The rule that a read broke which returned a value from before a removal that had returned before it.
fn broken_rule(
    history: &History,
    quiet: &Quiet,
    bound: &Bound,
    (process, read): (ProcessId, &Read),
    (remover, removal): (ProcessId, &Removal),
) -> Option<Rule> {
    // Whoever adopts a journal is bound by it from its first read on, as its process was.
    let adopted = !removal.durable && history.heirs(remover).any(|heir| heir == process);
    if process == remover || adopted {
        return Some(Rule::StaleInItsOwnProcess);
    }
    let bound = bound.since(remover, removal);
    if history
        .healed
        .is_some_and(|healed| removal.returned < healed && healed < read.begin)
    {
        // What waited in a process that crashed without an heir went with it.
        let is_due = removal.durable || !history.is_forgotten(remover);
        let since = (bound.unwrap_or(removal.returned), read.begin);
        let heard = !read.family.is_near() || quiet.quiet(process, since) > PUSH_DELAY;
        return (is_due && heard).then_some(Rule::LostRemoval);
    }
    let since = bound.filter(|since| *since < read.begin)?;
    let stale = Some(Rule::StaleAfterDurable);
    let connected = !quiet.is_cut_off(
        process,
        (read.begin.saturating_sub(NOTICE), read.end + NOTICE),
    );
    // A `GET` of its own, sent after the removal: no fault makes Redis's answer older than that.
    let strict = !read.family.is_near() && (connected || read.tier == Tier::Redis);
    if strict {
        return stale;
    }
    let since = (since, read.begin);
    let heard = quiet.quiet(process, since) > PUSH_DELAY;
    let too_old = quiet.awake(process, since) > OUTAGE_LAG;
    if heard || too_old { stale } else { None }
}

/// From when on each queued removal bound everybody.
struct Bound(HashMap<(ProcessId, Nanos), Nanos>);

impl Bound {
    fn of(history: &History) -> Self {
        let queued = history
            .removals
            .iter()
            .filter(|(_, removal)| !removal.durable);
        let bound = queued.filter_map(|(remover, removal)| {
            let since = history.bound_since(*remover, removal)?;
            Some(((*remover, removal.returned), since))
        });
        Self(bound.collect())
    }

    fn since(&self, remover: ProcessId, removal: &Removal) -> Option<Nanos> {
        match removal.durable {
            true => Some(removal.returned),
            false => self.0.get(&(remover, removal.returned)).copied(),
        }
    }
}

fn by_entry(history: &History) -> Removals<'_> {
    let mut removals = Removals::new();
    for (_, read) in &history.reads {
        removals.entry((read.family, read.id)).or_default();
    }
    for (entry, list) in &mut removals {
        let names =
            |author| move |removal: &Removal| removal.target.covers(entry.0, entry.1, author);
        list.extend(
            history
                .removals
                .iter()
                .filter(|(_, removal)| names(0)(removal) || names(1)(removal)),
        );
        list.sort_unstable_by_key(|(_, removal)| removal.called);
    }
    removals
}

fn story((process, read): (ProcessId, &Read), (remover, removal): (ProcessId, &Removal)) -> String {
    let after = |time: Nanos| Millis(time.saturating_sub(read.got.began));
    format!(
        "process {process} read {:?} {} ({:?}) and got version {}, whose load by {} began at {}; {} removed {:?} ({}) called \
         {} after that, returned {} after it, and the read began {} after it",
        read.family,
        read.id,
        read.tier,
        read.got.version,
        read.got
            .loader
            .map_or("a body that failed".into(), |loader| of(loader, process)),
        Millis(read.got.began),
        of(remover, process),
        removal.target,
        if removal.durable { "durable" } else { "queued" },
        after(removal.called),
        after(removal.returned),
        after(read.begin),
    )
}
