//! When nothing was wrong: the time that counts where a promise allows for faults.

use std::collections::HashMap;

use crate::clock::Nanos;
use crate::history::{History, ProcessId, Window};

/// For each process, its faults in order, without overlaps.
#[derive(Debug)]
pub(super) struct Quiet {
    faults: HashMap<ProcessId, Vec<Window>>,
    /// Those of them that it knew to be an outage.
    cut_off: HashMap<ProcessId, Vec<Window>>,
    /// Times at which it stood still, a fault for the push delay, and no time at all for its own speed.
    stood: HashMap<ProcessId, Vec<Window>>,
}

impl Quiet {
    pub(super) fn of(history: &History) -> Self {
        let mut faults: HashMap<ProcessId, Vec<Window>> = HashMap::new();
        let mut cut_off: HashMap<ProcessId, Vec<Window>> = HashMap::new();
        let mut stood: HashMap<ProcessId, Vec<Window>> = HashMap::new();
        let readers = history.reads.iter().map(|(process, _)| *process);
        let loaders = history.loads.iter().map(|(process, _)| *process);
        for process in readers.chain(loaders) {
            faults.entry(process).or_default();
        }
        for (process, window) in &history.cut_off {
            cut_off.entry(*process).or_default().push(*window);
            faults.entry(*process).or_default().push(*window);
        }
        for (process, window) in &history.stood {
            stood.entry(*process).or_default().push(*window);
            faults.entry(*process).or_default().push(*window);
        }
        for (whose, window) in &history.faults {
            match whose {
                Some(process) => faults.entry(*process).or_default().push(*window),
                None => faults.values_mut().for_each(|faults| faults.push(*window)),
            }
        }
        let all = faults.values_mut().chain(cut_off.values_mut());
        all.chain(stood.values_mut()).for_each(merge);
        Self {
            faults,
            cut_off,
            stood,
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
