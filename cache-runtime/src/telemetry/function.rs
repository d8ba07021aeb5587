//! A cached function, as the statistics know it.

use crate::telemetry::stats::Counters;

/// The name of a cached function and what is counted of it.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) counters: Counters,
}

impl Function {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            counters: Counters::new(),
        }
    }
}
