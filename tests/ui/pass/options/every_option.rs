
#![deny(warnings)]

use cache_runtime::cached;
use std::time::Duration;

use cache_runtime::{Cache, CacheKey};

cache_runtime::ttl_names! { ARTICLES_LIST = "60s"; }

const SOON: Duration = Duration::from_secs(5);

#[cached(
    ttl = ARTICLES_LIST,
    key = "articles:<id>",
    invalidates = ["articles:list:", "author:<result.len()>:<id>", "#reader"],
    invalidates_on = "always",
    tags = ["reader", "author:<id>", "length:<result.len()>"],
    when = |text| !text.is_empty(),
    none_ttl = "5s",
    near = "2s",
    skip(trace),
    cache = *cache_runtime::cache(),
    name = "articles",
    companions = "article",
    crate = ::cache_runtime
)]
async fn load(id: String, trace: u64) -> Result<Option<String>, String> {
    let _ = trace;
    Ok(Some(id))
}

#[cached(ttl = SOON, key = "soon:<id>", near = false)]
async fn soon(id: u64) -> u64 {
    id
}

#[cached(ttl = 60 * 2, key = CacheKey::user(id), put)]
async fn put(id: u64) -> u64 {
    id
}

#[cached(ttl = if vip { 600 } else { 60 }, skip(vip, cache), cache = cache)]
async fn by_argument(id: u64, vip: bool, cache: &Cache) -> u64 {
    let _ = (vip, cache);
    id
}

#[cached(ttl = "1h 30m", key = format!("format:{id}").as_str())]
async fn by_format(id: u64) -> u64 {
    id
}

fn main() {
    assert_eq!(article::key("7".into()).as_str(), "articles:7");
    assert_eq!(put::key(7).as_str(), "user:7");
    assert_eq!(by_format::key(7).as_str(), "format:7");
    let _ = (load("7".into(), 1), soon(1), by_argument(1, true, cache_runtime::cache()));
}
