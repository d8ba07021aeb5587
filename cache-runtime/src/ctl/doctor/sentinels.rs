//! What each of the sentinels in the URL says.

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::explain::of_credentials;
use crate::ctl::failure::Failure;
use crate::ctl::out::visible;
use crate::ctl::place::Place;
use crate::redis::Console;

/// Asks them all. An error: none of them names the master.
pub(super) async fn check(place: &Place, report: &mut Report) -> Result<(), Failure> {
    let Some((addresses, master)) = place.target.sentinels() else {
        return Ok(());
    };
    let mut named = Vec::new();
    let mut silent = Vec::new();
    for (host, port) in addresses {
        match ask(place, host, *port, master).await {
            Ok(address) => named.push(address),
            Err(why) => silent.push(format!("{host}:{port}: {why}")),
        }
    }
    let count = named.len();
    named.sort();
    named.dedup();
    let masters = visible(&named.join(" and "));
    if count == 0 {
        let silent = silent.join("; ");
        let remedy = match of_credentials(&format!("sentinel {silent}")) {
            Some((_, remedy)) => remedy,
            None => {
                "check the addresses, and the name at the end of the URL: `redis-cli -p 26379 SENTINEL MASTERS` lists the names"
            }
        };
        return Err(Failure::usage(format!(
            "{}: no sentinel names the master `{master}`",
            place.target
        ))
        .because(silent)
        .remedy(remedy));
    }
    let text = format!("{count} of {} name the master {masters}", addresses.len());
    report.add(match (named.len(), silent.is_empty()) {
        (1, true) => Check::ok("sentinels", text),
        (1, false) => Check::warning("sentinels", text)
            .because(silent.join("; "))
            .remedy("start those sentinels, or take them out of the URL"),
        _ => Check::problem(
            "sentinels",
            format!("they do not agree on the master: {masters}"),
        )
        .because("a failover is under way, or some of them belong to another group")
        .remedy(
            "try again in a minute; `redis-cli -p 26379 SENTINEL CKQUORUM MASTER` checks a group",
        ),
    });
    Ok(())
}

/// The address of the master.
async fn ask(place: &Place, host: &str, port: u16, master: &str) -> Result<String, String> {
    let asked = async {
        let sentinel = Console::open_sentinel(&place.target, host, port, place.limit()).await?;
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", master];
        sentinel.ask::<Option<(String, u16)>>(&words).await
    };
    match asked.await {
        Ok(Some((host, port))) => Ok(format!("{host}:{port}")),
        Ok(None) => Err(format!("knows no master `{master}`")),
        Err(fault) => Err(fault.to_string()),
    }
}
