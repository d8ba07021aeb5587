//! When nothing was wrong: the time that counts where a promise allows for faults.

use std::collections::HashMap;

use crate::clock::Nanos;
use crate::history::{Cause, History, ProcessId, Window};

type Windows = HashMap<ProcessId, Vec<Window>>;

/// For each process, its faults in order, without overlaps.
#[derive(Debug)]
pub(super) struct Quiet {
    /// Everything below.
    faults: Windows,
    /// What happened to it, beside that it had no Redis.
    others: Windows,
    /// Times in which it knew of an outage.
    cut_off: Windows,
    /// Times at which it stood still, a fault for the push delay, and no time at all for its own speed.
    stood: Windows,
    /// Times in which it stood still, or its threads were kept by something else.
    kept: Windows,
    /// Times in which nobody drove its connection, for each cause in order.
    undriven: HashMap<(ProcessId, Cause), Vec<Window>>,
}

impl Quiet {
    pub(super) fn of(history: &History) -> Self {
        let mut others = Windows::new();
        let mut cut_off = Windows::new();
        let mut stood = Windows::new();
        let mut kept = Windows::new();
        let mut undriven: HashMap<_, Vec<Window>> = HashMap::new();
        let readers = history.reads.iter().map(|(process, _)| *process);
        let loaders = history.loads.iter().map(|(process, _)| *process);
        for process in readers.chain(loaders) {
            others.entry(process).or_default();
        }
        for (process, window) in &history.cut_off {
            cut_off.entry(*process).or_default().push(*window);
            others.entry(*process).or_default();
        }
        for (process, window) in &history.stood {
            stood.entry(*process).or_default().push(*window);
            kept.entry(*process).or_default().push(*window);
            others.entry(*process).or_default().push(*window);
        }
        for (process, cause, window) in &history.undriven {
            let windows = undriven.entry((*process, *cause)).or_default();
            windows.push(*window);
            if *cause != Cause::Ended {
                kept.entry(*process).or_default().push(*window);
            }
            others.entry(*process).or_default().push(*window);
        }
        for (whose, window) in &history.faults {
            match whose {
                Some(process) => others.entry(*process).or_default().push(*window),
                None => others.values_mut().for_each(|faults| faults.push(*window)),
            }
        }
        let mut faults = others.clone();
        for (process, windows) in &cut_off {
            faults.entry(*process).or_default().extend(windows);
        }
        let all = faults.values_mut().chain(others.values_mut());
        let all = all.chain(cut_off.values_mut()).chain(stood.values_mut());
        all.chain(kept.values_mut()).for_each(merge);
        for ((_, cause), windows) in &mut undriven {
            match cause {
                // Told in pieces.
                Cause::Starved | Cause::Frozen => merge(windows),
                // Between the ends of two runtimes, the later one drove.
                Cause::Ended => windows.sort_unstable_by_key(|window| window.from),
            }
        }
        Self {
            faults,
            others,
            cut_off,
            stood,
            kept,
            undriven,
        }
    }

    /// How much of a time was free of faults for this process.
    pub(super) fn quiet(&self, process: ProcessId, span: (Nanos, Nanos)) -> Nanos {
        without(self.faults.get(&process), span)
    }

    /// Did any fault touch that time?
    pub(super) fn is_faulty(&self, process: ProcessId, (from, to): (Nanos, Nanos)) -> bool {
        overlapping(self.faults.get(&process), (from, to))
            .next()
            .is_some()
    }

    /// The same, but that it had no Redis is no fault: it may be its own.
    pub(super) fn is_troubled(&self, process: ProcessId, span: (Nanos, Nanos)) -> bool {
        overlapping(self.others.get(&process), span)
            .next()
            .is_some()
    }

    /// Did it know of an outage at any moment of that time?
    pub(super) fn is_cut_off(&self, process: ProcessId, span: (Nanos, Nanos)) -> bool {
        overlapping(self.cut_off.get(&process), span)
            .next()
            .is_some()
    }

    /// How much of a time the process was running.
    pub(super) fn awake(&self, process: ProcessId, span: (Nanos, Nanos)) -> Nanos {
        without(self.stood.get(&process), span)
    }

    /// How much of a time its runtime was running.
    pub(super) fn running(&self, process: ProcessId, span: (Nanos, Nanos)) -> Nanos {
        without(self.kept.get(&process), span)
    }

    /// Since when at the latest, and why, nobody had driven its connection at that moment, or so shortly before.
    pub(super) fn undriven(
        &self,
        process: ProcessId,
        at: Nanos,
        before: Nanos,
    ) -> Option<(Cause, Nanos)> {
        let span = (at.saturating_sub(before), at);
        [Cause::Ended, Cause::Frozen, Cause::Starved]
            .into_iter()
            .find_map(|cause| {
                let windows = self.undriven.get(&(process, cause));
                let latest = overlapping(windows, span).last()?;
                Some((cause, latest.from))
            })
    }

    /// What was wrong for a process in that time, in words; times are told from `zero` on.
    pub(super) fn told(&self, process: ProcessId, span: (Nanos, Nanos), zero: Nanos) -> String {
        let after = |time: Nanos| (i128::from(time) - i128::from(zero)) / 1_000_000;
        let mut told = Vec::new();
        let mut tell = |what: &str, windows: Option<&Vec<Window>>| {
            for window in overlapping(windows, span) {
                told.push(format!(
                    "{what} {} to {}",
                    after(window.from),
                    after(window.to)
                ));
            }
        };
        tell("cut off", self.cut_off.get(&process));
        tell("stood still", self.stood.get(&process));
        for cause in [Cause::Ended, Cause::Frozen, Cause::Starved] {
            let windows = self.undriven.get(&(process, cause));
            tell(&format!("{cause:?}, undriven"), windows);
        }
        tell("anything", self.faults.get(&process));
        told.join(", ")
    }

    /// The times of outages in which nothing else was wrong, of all processes.
    pub(super) fn causeless_outages(&self) -> impl Iterator<Item = (ProcessId, Window)> + '_ {
        self.cut_off.iter().flat_map(move |(process, outages)| {
            let others = self.others.get(process);
            outages.iter().flat_map(move |outage| {
                let mut from = outage.from;
                let mut between = Vec::new();
                for fault in overlapping(others, (outage.from, outage.to)) {
                    between.push((from, fault.from));
                    from = from.max(fault.to);
                }
                between.push((from, outage.to));
                between
                    .into_iter()
                    .filter(|(from, to)| from < to)
                    .map(|(from, to)| (*process, Window { from, to }))
            })
        })
    }
}

fn merge(windows: &mut Vec<Window>) {
    windows.sort_unstable_by_key(|window| window.from);
    let mut merged: Vec<Window> = Vec::with_capacity(windows.len());
    for window in windows.drain(..) {
        match merged.last_mut() {
            Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
            _ => merged.push(window),
        }
    }
    *windows = merged;
}

fn without(windows: Option<&Vec<Window>>, (from, to): (Nanos, Nanos)) -> Nanos {
    let lost: Nanos = overlapping(windows, (from, to))
        .map(|window| window.to.min(to) - window.from.max(from))
        .sum();
    to.saturating_sub(from) - lost
}

fn overlapping(
    windows: Option<&Vec<Window>>,
    (from, to): (Nanos, Nanos),
) -> impl Iterator<Item = &Window> {
    let windows = windows.map_or(&[][..], |windows| windows);
    let first = windows.partition_point(|window| window.to < from);
    windows[first..]
        .iter()
        .take_while(move |window| window.from <= to)
}
