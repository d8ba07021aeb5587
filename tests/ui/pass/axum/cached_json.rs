//! Answers stored as text take the same places as `Json`.

use axum::extract::Path;
use cache_runtime::cached;
use cache_runtime::http::CachedJson;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    id: u64,
}

#[derive(Debug)]
struct Slow;

impl From<cache_runtime::TimedOut> for Slow {
    fn from(_: cache_runtime::TimedOut) -> Self {
        Self
    }
}

#[cached(ttl = "list", key = "whole:<id>", tags = "job:<result.id>", when = |job| job.id > 0, stale = "1m", early)]
async fn whole(Path(id): Path<u64>) -> CachedJson<Job> {
    CachedJson::new(Job { id })
}

#[cached(ttl = "list", key = "maybe:<id>", none_ttl = "1s")]
async fn maybe(id: u64) -> Result<CachedJson<Option<Job>>, String> {
    Ok(CachedJson::new(Some(Job { id })))
}

#[cached(ttl = "list", key = "outside:<id>", none_ttl = "1s", timeout = "1s")]
async fn outside(id: u64) -> Result<Option<CachedJson<Job>>, Slow> {
    Ok(Some(Job { id }.into()))
}

#[cached(key = "put:<id>", put, tags = "job:<result.id>")]
async fn put(id: u64) -> CachedJson<Job> {
    CachedJson::new(Job { id })
}

#[cached(invalidates = "whole:<result.id>")]
async fn write(id: u64) -> Result<CachedJson<Job>, String> {
    Ok(CachedJson::new(Job { id }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for _ in 0..2 {
        assert_eq!(whole(Path(1)).await.into_inner().unwrap().id, 1);
        assert_eq!(maybe(2).await.unwrap().into_inner().unwrap().unwrap().id, 2);
        assert_eq!(outside(3).await.unwrap().unwrap().value().unwrap().id, 3);
    }
    assert_eq!(put(4).await.json().unwrap(), r#"{"id":4}"#);
    write(1).await.unwrap();
}
