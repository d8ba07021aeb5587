//! Whether this single server is one that the cache can use: not a replica, not a sentinel; and whether sentinels watch it.

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::explain::field;
use crate::ctl::out::visible;
use crate::ctl::place::Place;
use crate::redis::{Console, server_mode};

/// The channel over which sentinels find each other; each of them subscribes to it on every server that it watches.
const HELLO: &str = "__sentinel__:hello";

/// False: the cache cannot use this server.
pub(super) async fn check(
    place: &Place,
    console: &Console,
    info: &str,
    report: &mut Report,
) -> bool {
    if server_mode(info) == Some("sentinel") {
        report.add(
                Check::problem("topology", "this is a sentinel, which stores no data")
                    .because("the URL names the port of a sentinel")
                    .remedy("write redis-sentinel://HOST:PORT/MASTER; `redis-cli SENTINEL MASTERS` lists the masters"),
            );
        return false;
    }
    let usable = role(console, report).await;
    if place.target.sentinels().is_none() {
        unnamed_sentinels(console, report).await;
    }
    usable
}

async fn role(console: &Console, report: &mut Report) -> bool {
    let info = console.ask::<String>(&["INFO", "replication"]).await;
    let Ok(info) = info else {
        report.add(Check::note(
            "topology",
            "it is not known whether this is a master: INFO is refused",
        ));
        return true;
    };
    let role = field(&info, "role").unwrap_or("unknown");
    report.server.role = Some(visible(role));
    if matches!(role, "slave" | "replica") {
        let master = match (field(&info, "master_host"), field(&info, "master_port")) {
            (Some(host), Some(port)) => {
                format!("use its master, {}:{}", visible(host), visible(port))
            }
            _ => "use its master".to_owned(),
        };
        report.add(
            Check::problem("topology", "this server is a replica")
                .because("it lags behind the removals that its master has acknowledged, and takes no writes")
                .remedy(format!("{master}; with sentinels, a redis-sentinel:// URL always leads there")),
        );
        return false;
    }
    let replicas = match field(&info, "connected_slaves") {
        None | Some("0") => "without replicas".to_owned(),
        Some("1") => "with 1 replica".to_owned(),
        Some(count) => format!("with {} replicas", visible(count)),
    };
    report.add(Check::ok("topology", format!("a master {replicas}")));
    true
}

/// Sentinels that watch the server although the URL does not name them.
async fn unnamed_sentinels(console: &Console, report: &mut Report) {
    let words = ["PUBSUB", "NUMSUB", HELLO];
    let count = console.ask::<(String, u64)>(&words).await;
    if let Ok((_, count @ 1..)) = count {
        report.add(
            Check::warning(
                "sentinels",
                format!("{count} of them watch this server, and the URL names none"),
            )
            .because("after a failover, this URL leads to the old master, which is then a replica")
            .remedy("write redis-sentinel://HOST:26379,HOST:26379/MASTER"),
        );
    }
}
