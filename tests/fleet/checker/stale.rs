//! No value from before a removal after it: the rules about what a read may return.
//!
//! A removal has returned when its caller says so, and a read begins before its call is made: a thread that waits for the
//! processor at either place makes them look closer to one another than they were, never further apart. So nothing excuses
//! a process that reads what it has removed itself. Another process's memory depends on a push, whose way is long: server,
//! proxy, the process's own runtime. What each of them was late is measured beside it, and does not count.

use std::time::Duration;

use super::quiet::Quiet;
use super::removals::Removals;
use super::{HEARD_WITHIN, Millis, OUTAGE_MAX_AGE, PUSH_DELAY, Rule, Violation, of};
use crate::clock::{Nanos, nanos};
use crate::history::{History, ProcessId, Read, Removal, Tier};

/// What memory may lag in an outage, all in all: its age, the loads that filled it, and the delay of the last push.
const OUTAGE_LAG: Nanos = nanos(OUTAGE_MAX_AGE) + nanos(Duration::from_millis(750));

/// A process notices itself that it is cut off, but reports it some milliseconds later.
const NOTICE: Nanos = nanos(Duration::from_millis(30));

/// How long before a removal a story begins.
const BEFORE: Nanos = nanos(Duration::from_secs(5));

/// All that the rules look at.
struct Judge<'a> {
    history: &'a History,
    quiet: &'a Quiet,
    removals: &'a Removals<'a>,
    push_delay: Nanos,
}

pub(super) fn check(history: &History, quiet: &Quiet, removals: &Removals<'_>) -> Vec<Violation> {
    let judge = Judge {
        history,
        quiet,
        removals,
        push_delay: PUSH_DELAY + history.round_trip,
    };
    let mut violations = Vec::new();
    for (process, read) in &history.reads {
        let tenant = history.tenant(*process);
        // Called before the read began, and after its value's load had: whatever else was removed does not matter.
        let broken = removals
            .called_within(tenant, read.family, read.id, (read.got.began, read.begin))
            .filter(|(_, removal)| removal.returned < read.begin)
            .filter(|(_, removal)| removal.target.covers(read.family, read.id, read.got.author))
            .find_map(|(remover, removal)| {
                let (reader, removed) = ((*process, read), (*remover, removal));
                judge.judge(reader, removed).map(|rule| {
                    let span = (removal.called.saturating_sub(BEFORE), read.begin);
                    let wrong = quiet.told(*process, span, read.got.began);
                    let theirs = quiet.told(*remover, span, read.got.began);
                    let story = format!(
                        "{}; in ms after that load's beginning, of the reader: {wrong}; of the remover: {theirs}",
                        judge.story(reader, removed)
                    );
                    Violation { rule, story }
                })
            });
        violations.extend(broken);
    }
    violations
}

impl Judge<'_> {
    /// The rule that is broken by a read which returned a value from before a removal that had returned before it.
    fn judge(
        &self,
        (process, read): (ProcessId, &Read),
        (remover, removal): (ProcessId, &Removal),
    ) -> Option<Rule> {
        // Whoever adopts a journal is bound by it from its first read on, as its process was.
        let adopted = !removal.durable && self.history.heirs(remover).any(|heir| heir == process);
        if process == remover || adopted {
            return Some(Rule::StaleInItsOwnProcess);
        }
        let bound = self.removals.bound_since(remover, removal);
        let healed = self.history.healed;
        if let Some(healed) = healed.filter(|at| removal.returned < *at && *at < read.begin) {
            // What waited in a process that crashed without an heir went with it.
            let is_due = removal.durable || !self.history.is_forgotten(remover);
            let since = (bound.unwrap_or(healed), read.begin);
            let heard =
                !read.family.is_near() || self.quiet.quiet(process, since) > self.push_delay;
            return match is_due && heard {
                true => Some(Rule::LostRemoval),
                false => None,
            };
        }
        let since = bound.filter(|since| *since < read.begin)?;
        let around = (read.begin.saturating_sub(NOTICE), read.end + NOTICE);
        let connected = !self.quiet.is_cut_off(process, around);
        // A `GET` of its own, sent after the removal: no fault makes Redis's answer older than that.
        let strict = !read.family.is_near() && (connected || read.tier == Tier::Redis);
        if strict {
            return Some(Rule::StaleAfterDurable);
        }
        let since = (since, read.begin);
        let heard = self.quiet.quiet(process, since) > self.push_delay;
        let too_old = self.quiet.awake(process, since) > OUTAGE_LAG;
        let unheard = read.tier == Tier::Memory && self.is_unheard(process, since);
        if heard || too_old || (unheard && connected) {
            Some(Rule::StaleAfterDurable)
        } else {
            None
        }
    }

    /// Memory answered though nobody had driven its connection for longer than memory may be believed, and the removal is
    /// old enough to have been heard of by whoever was listening.
    fn is_unheard(&self, process: ProcessId, (removed, read): (Nanos, Nanos)) -> bool {
        let undriven = self.quiet.undriven(process, read, self.push_delay);
        undriven.is_some_and(|(_, from)| from + HEARD_WITHIN + self.push_delay < read)
            && removed + self.push_delay < read
    }

    fn story(
        &self,
        (process, read): (ProcessId, &Read),
        (remover, removal): (ProcessId, &Removal),
    ) -> String {
        let after = |time: Nanos| Millis(time.saturating_sub(read.got.began));
        let bound = self.removals.bound_since(remover, removal);
        let bound = bound.map_or("not known".into(), |bound| after(bound).to_string());
        let healed = self.history.healed;
        let healed = healed.map_or("never".into(), |healed| after(healed).to_string());
        format!(
            "process {process} read {:?} {} ({:?}) and got version {}, whose load by {} began at {}; {} removed {:?} ({}) called \
             {} after that, returned {} after it, bound everybody from {bound} on, all was well from {healed} on, and the \
             read began {} after it and ended {} after it",
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
            match (removal.durable, removal.dropped) {
                (true, _) => "durable",
                (false, false) => "queued",
                (false, true) => "queued, its caller went away",
            },
            after(removal.called),
            after(removal.returned),
            after(read.begin),
            after(read.end),
        )
    }
}
