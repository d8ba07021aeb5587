//! Settings of the nodes of a cluster that matter to the cache.

use std::collections::HashMap;

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::out::visible;
use crate::redis::Console;

/// Longer than the default of Redis: so long does it take until a lost master is noticed.
const SLOW_MS: u64 = 15_000;

const COVERAGE: &str = "cluster-require-full-coverage";
const WHEN_DOWN: &str = "cluster-allow-reads-when-down";
const TIMEOUT: &str = "cluster-node-timeout";

pub(super) async fn check(console: &Console, report: &mut Report) {
    let words = ["CONFIG", "GET", "cluster-*"];
    let Ok(settings) = console.ask::<HashMap<String, String>>(&words).await else {
        report.add(
            Check::skipped(
                "settings",
                "the server does not tell: CONFIG GET is refused",
            )
            .remedy(format!("{WHEN_DOWN} must be `no`, which is the default")),
        );
        return;
    };
    let setting = |name: &str| settings.get(name).map_or("unknown", String::as_str);
    if setting(WHEN_DOWN) == "yes" {
        report.add(
            Check::problem("settings", format!("{WHEN_DOWN} is `yes`"))
                .because("a master that has lost the cluster goes on answering, and does not know what was removed since (P2)")
                .remedy(format!("CONFIG SET {WHEN_DOWN} no, on every node, and in its configuration file")),
        );
    }
    if setting(COVERAGE) == "yes" {
        report.add(
            Check::note("settings", format!("{COVERAGE} is `yes`"))
                .because("while one master is lost and not replaced, all others refuse too: then all keys go without Redis")
                .remedy(format!("CONFIG SET {COVERAGE} no, if the keys of the other masters are to be served meanwhile")),
        );
    }
    let timeout = visible(setting(TIMEOUT));
    if timeout.parse::<u64>().is_ok_and(|millis| millis > SLOW_MS) {
        report.add(
            Check::note("settings", format!("{TIMEOUT} is {timeout} ms"))
                .because("a lost master is noticed and replaced only after that time")
                .remedy(format!(
                    "a shorter {TIMEOUT}, if its keys must be back sooner"
                )),
        );
    }
    report.add(Check::ok(
        "settings",
        format!(
            "{WHEN_DOWN} {}, {COVERAGE} {}, {TIMEOUT} {timeout} ms",
            visible(setting(WHEN_DOWN)),
            visible(setting(COVERAGE)),
        ),
    ));
}
