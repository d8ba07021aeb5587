//! One load per key in a process: reported only where nothing at all can have been a reason for a second one.

use std::collections::HashMap;
use std::time::Duration;

use super::quiet::Quiet;
use super::{Millis, Rule, UNNOTICED, Violation};
use crate::catalogue::{Family, GROUPS, Target};
use crate::clock::{Nanos, nanos};
use crate::history::{History, Load, ProcessId, Window};

/// A `put` takes its key a little before its body begins, which is all that is known of it; a process that crashed may
/// have removed something and never told.
const AROUND: Nanos = nanos(Duration::from_millis(200));

pub(super) fn check(history: &History, quiet: &Quiet) -> Vec<Violation> {
    let mut entries: HashMap<(ProcessId, Family, u32), Vec<&Load>> = HashMap::new();
    for (process, load) in &history.loads {
        entries
            .entry((*process, load.family, load.id))
            .or_default()
            .push(load);
    }
    let mut violations = Vec::new();
    for ((process, family, id), mut loads) in entries {
        loads.sort_unstable_by_key(|load| load.begin);
        for pair in loads.windows(2) {
            let (first, second) = (pair[0], pair[1]);
            // A call that starts over because of removals may have begun long before its load did.
            let span = (first.asked.min(second.asked), second.begin);
            let excused = second.begin >= first.end
                || !(first.missed && second.missed)
                || quiet.is_faulty(process, span)
                || removed(history, process, (family, id), span);
            if !excused {
                let story = format!(
                    "process {process} loaded {family:?} {id} at {} and again {} later, while the first load ran for \
                     another {}",
                    Millis(first.begin),
                    Millis(second.begin - first.begin),
                    Millis(first.end - second.begin),
                );
                violations.push(Violation {
                    rule: Rule::LoadedTwice,
                    story,
                });
            }
        }
    }
    violations
}

/// Was the entry removed, by anybody of its tenant or anything, in or around that time? Or did the other tenant load what
/// it keeps at the same place in Redis?
fn removed(
    history: &History,
    process: ProcessId,
    (family, id): (Family, u32),
    (from, to): (Nanos, Nanos),
) -> bool {
    let near =
        |begin: Nanos, end: Nanos| begin.saturating_sub(AROUND) <= to && end + AROUND >= from;
    let covers =
        |target: Target| (0..u64::from(GROUPS)).any(|author| target.covers(family, id, author));
    let tenant = history.tenant(process);
    let mut removals = history.removals.iter();
    let mut unsettled = history.unsettled.iter();
    let mut crashed = history.crashed.iter();
    let mut loads = history.loads.iter();
    let neighbour = family.neighbour(tenant);
    // Then any removal may be the one that notices.
    let lost = |window: &Window| window.from <= to && window.to + UNNOTICED >= from;
    let may_be_lost = history.unsettled.iter().any(lost);
    removals.any(|(remover, removal)| {
        history.tenant(*remover) == tenant
            && (covers(removal.target) || may_be_lost)
            && near(removal.called, removal.returned)
    }) || unsettled.any(|window| near(window.from, window.to))
        || crashed.any(|crash| near(crash.at, crash.at))
        || loads.any(|(loader, load)| {
            Some(load.family) == neighbour
                && load.id == id
                && history.tenant(*loader) != tenant
                && near(load.begin, load.end)
        })
}
