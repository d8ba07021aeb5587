//! Which server this is, and whether its version suffices.

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::explain::field;
use crate::ctl::out::visible;
use crate::redis::{Console, major_and_minor, server_mode};

/// The oldest Redis that has every command that the runtime uses.
const OLDEST: (u32, u32) = (6, 2);

/// The server's description of itself; empty if it gives none.
pub(super) async fn check(console: &Console, report: &mut Report) -> String {
    let info = match console.ask::<String>(&["INFO", "server"]).await {
        Ok(info) => info,
        Err(fault) => {
            report.add(
                Check::note(
                    "server",
                    format!("the server does not describe itself: {fault}"),
                )
                .because("the user may not run INFO")
                .remedy(
                    "see `permissions`: without INFO, a restart of the server cannot be noticed",
                ),
            );
            return String::new();
        }
    };
    let valkey = field(&info, "valkey_version");
    let name = match (valkey, field(&info, "server_name")) {
        (Some(_), _) => "Valkey",
        (None, Some(name)) => name,
        (None, None) => "Redis",
    };
    let version = valkey.or_else(|| field(&info, "redis_version"));
    let server = &mut report.server;
    server.name = Some(visible(name));
    server.version = version.map(visible);
    server.mode = server_mode(&info).map(visible);
    let described = format!("{name} {}", version.unwrap_or("of an unknown version"));
    report.add(
        match field(&info, "redis_version").and_then(major_and_minor) {
            Some(found) if found < OLDEST => {
                Check::problem("server", format!("{described} is too old"))
                    .because("the cache needs Redis 6.2 or later, or Valkey")
                    .remedy("update the server")
            }
            _ => Check::ok("server", described),
        },
    );
    info
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, major_and_minor};

    #[test]
    fn versions_are_compared_by_number() {
        let old = |version| major_and_minor(version).is_some_and(|found| found < OLDEST);
        assert!(old("6.0.16") && old("5.0"));
        assert!(!old("6.2.14") && !old("7.0.15") && !old("10.1.0") && !old("unstable"));
    }
}
