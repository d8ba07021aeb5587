//! The way to the server: name, port, TLS, credentials; and the plain connection test at the end.

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::common::random;
use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::doctor::sentinels;
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::out::visible;
use crate::ctl::place::Place;
use crate::ctl::units::millis;
use crate::redis::{Console, Fault, Lack, Target, connection_test};

/// `None`: there is no connection.
pub(super) async fn check(place: &Place, report: &mut Report) -> Option<Console> {
    if let Some((host, port)) = place.target.host()
        && let Err(failure) = reach(place, host, port).await
    {
        report.add(Check::failed("connect", failure));
        return None;
    }
    if let Err(failure) = sentinels::check(place, report).await {
        report.add(Check::failed("sentinels", failure));
        return None;
    }
    let began = Instant::now();
    let console = match place.console().await {
        Ok(console) => console,
        Err(failure) => {
            report.add(Check::failed("connect", failure));
            return None;
        }
    };
    let took = millis(began.elapsed());
    report.add(Check::ok("connect", format!("connected in {took:.2} ms")));
    greeted(place, &console, report).await;
    Some(console)
}

/// What the connection is like.
pub(super) async fn greeted(place: &Place, console: &Console, report: &mut Report) {
    report.add(encryption(place));
    // As the server calls it: what the URL has in the place of a name may be a password.
    report.user = console.ask::<String>(&["ACL", "WHOAMI"]).await.ok();
    report.add(user(place, report.user.as_deref()));
    report.add(protocol(console));
}

/// Looks the name up and opens the port, which tells apart what the client reports as one failure.
async fn reach(place: &Place, host: &str, port: u16) -> Result<(), Failure> {
    let target = &place.target;
    let late = |_| explain::no_connection(target, &Fault::TimedOut);
    let failed = |error: std::io::Error| {
        explain::no_connection(target, &Fault::Disconnected(error.to_string()))
    };
    let bare = host.trim_matches(['[', ']']);
    let looking = timeout(place.limit(), lookup_host((bare, port)));
    let addresses = looking.await.map_err(late)?.map_err(|error| {
        Failure::usage(format!(
            "{target}: no connection: `{}`: {error}",
            visible(bare)
        ))
        .because("the name of the host is not known")
        .remedy("check the spelling, and whether this machine can look the name up")
    })?;
    let mut last = Err(Failure::usage(format!(
        "{target}: no connection: the host has no address"
    )));
    for address in addresses {
        match timeout(place.limit(), TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => last = Err(failed(error)),
            Err(elapsed) => last = Err(late(elapsed)),
        }
    }
    last
}

fn is_near(place: &Place) -> bool {
    match place.target.host() {
        Some((host, _)) => {
            let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        None => place.target.sentinels().is_none(),
    }
}

fn encryption(place: &Place) -> Check {
    if place.target.is_tls() {
        return Check::ok("tls", "encrypted; the server's certificate is trusted");
    }
    match is_near(place) {
        true => Check::ok("tls", "not encrypted, within this machine"),
        false => Check::note(
            "tls",
            "not encrypted: whoever can read the network reads the cache and the password",
        )
        .remedy("use rediss:// if the server has a TLS port, or a private network"),
    }
}

fn user(place: &Place, name: Option<&str>) -> Check {
    let user = match name {
        Some(name) => format!("user `{}`", visible(name)),
        None => "a user whose name the server does not tell".to_owned(),
    };
    let has_password = place.target.has_password();
    if !has_password && !is_near(place) && name == Some("default") {
        return Check::warning("auth", "the server asks for no password")
            .because("whoever reaches its port can read and delete everything")
            .remedy("set a password on the server (`requirepass`, or a user of its own by `ACL SETUSER`)");
    }
    let how = if has_password {
        "with a password"
    } else {
        "without a password"
    };
    Check::ok("auth", format!("{user}, {how}"))
}

fn protocol(console: &Console) -> Check {
    if console.resp3 {
        return Check::ok("protocol", "RESP3");
    }
    let text = format!("RESP2 only (`HELLO 3` is refused): {}", Lack::Resp3.lost());
    Check::problem("protocol", text)
        .because("the server is older than 6.0, a proxy between it and here does not know `HELLO`, or `rename-command` hides it")
        .remedy("connect to the server itself, update the proxy, or do not rename HELLO")
}

/// Connect, `SET`, `GET`, `DEL`, as [`Cache::test_connection`](crate::Cache::test_connection) does.
pub(super) async fn test(place: &Place, target: &Target, report: &mut Report) {
    let scratch = format!("{}%test:{:016x}", place.prefix, random::number());
    match connection_test(target, place.limit(), &scratch).await {
        Ok(test) => {
            report.add(Check::ok(
                "test",
                format!(
                    "connect {:.2} ms, SET {:.2} ms, GET {:.2} ms, DELETE {:.2} ms",
                    test.connect_ms, test.set_ms, test.get_ms, test.delete_ms
                ),
            ));
            report.connection_test = Some(test);
        }
        Err(error) => report.add(failed_test(&error.to_string())),
    }
}

fn failed_test(text: &str) -> Check {
    let check = Check::problem("test", text);
    if text.to_ascii_lowercase().contains("authentication") {
        // The test speaks RESP2, whose AUTH is refused there; the connection above was accepted.
        return check
            .because("the URL has a password, and the server has none for this user: with RESP3 it accepts any, with RESP2 none")
            .remedy("take the password out of the URL, or set one on the server (`requirepass`, `ACL SETUSER`)");
    }
    check
        .because("a step of the connection test failed; a program runs the same with `Cache::test_connection`")
        .remedy("see the problems above: they name the command that is refused")
}
