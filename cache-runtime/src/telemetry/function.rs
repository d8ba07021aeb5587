//! A cached function and its counters.

use crate::telemetry::stats::Counters;

/// The name of a cached function and its counters.
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
