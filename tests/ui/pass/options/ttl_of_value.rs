#![deny(warnings)]

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{TimedOut, cached, ttl_names};

ttl_names! { EMPTY = "5s"; FULL = "5m"; }

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Token {
    text: String,
    lives: Duration,
}

#[cached(ttl = |token| token.lives, key = "token:<of>")]
async fn token(of: &str) -> Token {
    Token {
        text: of.to_owned(),
        lives: Duration::from_secs(60),
    }
}

#[cached(ttl = |token: &Token| token.lives, key = "token:arc:<of>", stale = "1m", when = |token| !token.text.is_empty())]
async fn shared(of: &str) -> Result<Option<Arc<Token>>, String> {
    Ok(Some(Arc::new(token(of).await)))
}

#[cached(ttl = |jobs| if jobs.is_empty() { &EMPTY } else { &FULL }, key = "named:<n>")]
async fn named(n: usize) -> Vec<u32> {
    vec![0; n]
}

#[cached(put, ttl = |seconds| *seconds, key = "seconds:<id>")]
async fn seconds(id: u64) -> u64 {
    id
}

#[cached(ttl = |_| Duration::from_secs(1), key = "local", ?Send)]
async fn local() -> Result<u32, TimedOut> {
    Ok(*std::rc::Rc::new(1))
}

fn main() {}
