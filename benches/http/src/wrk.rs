//! One run of `wrk`: requests as fast as they are answered, on 32 connections.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

pub const CONNECTIONS: &str = "32";

#[derive(Clone, Copy)]
pub struct Rate {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

pub fn run(address: SocketAddr, path: &str, seconds: u64, if_none_match: Option<&str>) -> Rate {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s")]);
    wrk.arg("--latency");
    if let Some(etag) = if_none_match {
        wrk.args(["-H", &format!("If-None-Match: {etag}")]);
    }
    let output = wrk.arg(format!("http://{address}{path}")).output();
    let output = output.expect("wrk, which is in the package of that name");
    let text = String::from_utf8_lossy(&output.stdout);
    for failure in ["Non-2xx", "Socket errors"] {
        assert!(!text.contains(failure), "{text}");
    }
    read(&text).unwrap_or_else(|| panic!("wrk says: {text}"))
}

fn read(text: &str) -> Option<Rate> {
    let after = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim)
    };
    Some(Rate {
        per_second: after("Requests/sec:")?.parse().ok()?,
        p50: duration(after("50%")?)?,
        p99: duration(after("99%")?)?,
    })
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|letter: char| letter.is_alphabetic());
    let seconds = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    digits
        .parse::<f64>()
        .ok()
        .map(|number| Duration::from_secs_f64(number * seconds))
}
