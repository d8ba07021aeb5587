#![deny(warnings)]

use cache_runtime::{TimedOut, cached};

#[derive(Clone, Debug)]
enum LoadError {
    TimedOut,
}

impl From<TimedOut> for LoadError {
    fn from(_: TimedOut) -> Self {
        Self::TimedOut
    }
}

#[cached(
    ttl = "list",
    key = "every:<id>",
    invalidates = "every_list:",
    none_ttl = "10s",
    stale = "1m",
    stale_on_error = "1h",
    early = 1.5,
    timeout = "2s",
    soft_timeout = "100ms",
    jitter = "10%",
    outage = "bypass",
    codec = "json"
)]
async fn every(id: u64) -> Result<Option<u64>, LoadError> {
    Ok(Some(id))
}

#[cached(ttl = "list", early, outage = "memory", codec = "bincode")]
async fn early(id: u64) -> u64 {
    id
}

// The error need not know of a time-out that a stale value stands in for.
#[cached(ttl = "list", timeout = 2, stale_on_error = 3600)]
async fn stands_in(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(ttl = "list", timeout = "2s")]
async fn gives_up(id: u64) -> Result<u64, LoadError> {
    Ok(id)
}

#[cached(put, key = "put:<id>", jitter = "5%", outage = "bypass", codec = "json")]
async fn put(id: u64) -> u64 {
    id
}

fn main() {
    let _ = (every(1), early(1), stands_in(1), gives_up(1), put(1));
}
