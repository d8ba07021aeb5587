//! How much memory the server may use, and what it does when that is full.

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::explain::field;
use crate::ctl::out::visible;
use crate::ctl::units;
use crate::redis::Console;

pub(super) async fn check(console: &Console, report: &mut Report) {
    let Ok(info) = console.ask::<String>(&["INFO", "memory"]).await else {
        report.add(Check::skipped(
            "memory",
            "the server does not tell: INFO is refused",
        ));
        return;
    };
    let figure = |name: &str| field(&info, name).and_then(|text| text.parse::<u64>().ok());
    let (used, limit) = (
        figure("used_memory").unwrap_or(0),
        figure("maxmemory").unwrap_or(0),
    );
    let policy = visible(field(&info, "maxmemory_policy").unwrap_or("unknown"));
    report.add(judge(used, limit, &policy));
    let stats = console
        .ask::<String>(&["INFO", "stats"])
        .await
        .unwrap_or_default();
    let evicted = field(&stats, "evicted_keys").and_then(|text| text.parse::<u64>().ok());
    if let Some(evicted @ 1..) = evicted {
        report.add(
            Check::note(
                "evictions",
                format!("{} keys since the server's start", units::number(evicted)),
            )
            .because("the server was full; an evicted ledger makes everything cold once")
            .remedy(
                "raise `maxmemory` if the hit rate suffers, or give the cache a server of its own",
            ),
        );
    }
}

fn judge(used: u64, limit: u64, policy: &str) -> Check {
    if limit == 0 {
        let text = format!("{} used, no limit (maxmemory 0)", units::bytes(used));
        return Check::note("memory", text)
            .because("entries expire, but nothing keeps the server from growing until the system ends it")
            .remedy("set `maxmemory` below the machine's memory, and `maxmemory-policy allkeys-lru`");
    }
    let text = format!(
        "{} of {} used, maxmemory-policy {policy}",
        units::bytes(used),
        units::bytes(limit)
    );
    let nearly_full = used > limit / 10 * 9;
    match policy {
        "noeviction" if nearly_full => Check::problem("memory", text)
            .because("the server is nearly full and evicts nothing: then it refuses stores and removals, which wait")
            .remedy("raise `maxmemory`, or set `maxmemory-policy allkeys-lru`"),
        "noeviction" => Check::warning("memory", text)
            .because("when the server is full, it refuses stores and removals instead of evicting entries")
            .remedy("set `maxmemory-policy allkeys-lru` on a server that only caches, `volatile-lru` on one with lasting data"),
        "allkeys-random" | "volatile-random" => Check::warning("memory", text)
            .because("it may evict the ledger at any time, and then everything is cold once")
            .remedy("set `maxmemory-policy` to one of the lru or lfu policies: the ledger is always in use"),
        _ => Check::ok("memory", text),
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::ctl::doctor::report::Status;

    #[test]
    fn a_full_server_that_evicts_nothing_is_a_problem() {
        let status = |used, limit, policy| judge(used, limit, policy).status;
        assert_eq!(status(95, 100, "noeviction"), Status::Problem);
        assert_eq!(status(5, 100, "noeviction"), Status::Warning);
        assert_eq!(status(5, 100, "allkeys-random"), Status::Warning);
        assert_eq!(status(95, 100, "allkeys-lru"), Status::Ok);
        assert_eq!(status(95, 0, "noeviction"), Status::Note);
    }
}
