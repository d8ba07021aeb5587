//! The processor time that a process has taken.

use std::fs;
use std::time::Duration;

/// User and system time of a process since its start, in steps of 10 ms.
pub fn taken_by(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let user_and_system = after_name.split_whitespace().skip(11).take(2);
    let ticks = user_and_system.filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10) // a tick is 10 ms on every Linux that this runs on
}
