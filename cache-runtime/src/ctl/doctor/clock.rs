//! How far the server's clock is from this machine's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::units;
use crate::redis::Console;

/// From this difference on, logs of both machines are hard to compare.
const NOTEWORTHY: Duration = Duration::from_secs(2);

/// Questions; the quickest answer is the most exact.
const QUESTIONS: usize = 5;

pub(super) async fn check(console: &Console, report: &mut Report) {
    let mut best: Option<(Duration, i64)> = None;
    for _ in 0..QUESTIONS {
        let began = Instant::now();
        let Ok((seconds, micros)) = console.ask::<(i64, i64)>(&["TIME"]).await else {
            report.add(Check::skipped("clock", "the server does not tell its time"));
            return;
        };
        let took = began.elapsed();
        let here = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(0));
        let middle = here - i64::try_from(took.as_micros() / 2).unwrap_or(0);
        let difference = seconds * 1_000_000 + micros - middle;
        if best.is_none_or(|(quickest, _)| took < quickest) {
            best = Some((took, difference));
        }
    }
    let Some((took, difference)) = best else {
        return;
    };
    let apart = Duration::from_micros(difference.unsigned_abs());
    report.clock_difference_ms = Some(difference / 1_000);
    let which = if difference < 0 { "behind" } else { "ahead of" };
    let text = match apart <= took.max(Duration::from_millis(1)) {
        true => "the server's clock and this machine's agree".to_owned(),
        false => format!(
            "the server's clock is {} {which} this machine's",
            units::duration(apart)
        ),
    };
    report.add(match apart > NOTEWORTHY {
        false => Check::ok("clock", text),
        true => Check::note("clock", text)
            .because("the cache uses the server's time only, so nothing is wrong with it; logs of both are hard to compare")
            .remedy("let both machines follow a time server (NTP)"),
    });
}
