//! Who has lost Redis finds back to it, whatever the load: an outage that goes on while nothing is wrong any more, and in
//! which bodies run for what Redis could have given, is of the process's own making.

use std::collections::HashMap;
use std::time::Duration;

use super::quiet::Quiet;
use super::{Millis, Rule, Violation};
use crate::clock::{Nanos, nanos};
use crate::history::{History, ProcessId, Tier, Window};

/// How long it may take.
const LONGEST: Nanos = nanos(Duration::from_secs(3));

/// Bodies that must have run meanwhile: who asks for nothing misses nothing.
const MISSED: usize = 5;

pub(super) fn check(history: &History, quiet: &Quiet) -> Vec<Violation> {
    let signs = signs_of_redis(history);
    let mut misses: HashMap<ProcessId, Vec<Nanos>> = HashMap::new();
    for (process, load) in history.loads.iter().filter(|(_, load)| load.missed) {
        misses.entry(*process).or_default().push(load.begin);
    }
    let mut violations = Vec::new();
    for (process, mut outage) in quiet.causeless_outages() {
        // Nobody tells the end of an outage that a process did not live to see.
        let mut crashed = history.crashed.iter();
        if let Some(crash) = crashed.find(|crash| crash.process == process) {
            outage.to = crash.at.clamp(outage.from, outage.to);
        }
        let silence = longest_between(signs.get(&process), outage);
        let misses = misses.get(&process).map_or(&[][..], |misses| misses);
        let missed = misses
            .iter()
            .filter(|begin| (silence.from..silence.to).contains(begin))
            .count();
        if silence.to - silence.from > LONGEST && missed >= MISSED {
            let story = format!(
                "process {process} used no Redis from {} to {}, though nothing was wrong, and ran {missed} bodies",
                Millis(silence.from),
                Millis(silence.to),
            );
            violations.push(Violation {
                rule: Rule::StayedAway,
                story,
            });
        }
    }
    violations
}

/// When each process had an answer of Redis.
fn signs_of_redis(history: &History) -> HashMap<ProcessId, Vec<Nanos>> {
    let mut signs: HashMap<ProcessId, Vec<Nanos>> = HashMap::new();
    for (process, read) in &history.reads {
        if read.tier == Tier::Redis {
            signs.entry(*process).or_default().push(read.end);
        }
    }
    for (process, removal) in &history.removals {
        if removal.durable {
            signs.entry(*process).or_default().push(removal.returned);
        }
    }
    signs.values_mut().for_each(|signs| signs.sort_unstable());
    signs
}

/// The longest part of a time that has none of these moments in it.
fn longest_between(moments: Option<&Vec<Nanos>>, Window { from, to }: Window) -> Window {
    let moments = moments.map_or(&[][..], |moments| moments);
    let first = moments.partition_point(|moment| *moment < from);
    let inside = moments[first..]
        .iter()
        .copied()
        .take_while(|moment| *moment < to);
    let mut last = from;
    let mut longest = Window { from, to: from };
    for moment in inside.chain([to]) {
        if moment - last > longest.to - longest.from {
            longest = Window {
                from: last,
                to: moment,
            };
        }
        last = moment;
    }
    longest
}
