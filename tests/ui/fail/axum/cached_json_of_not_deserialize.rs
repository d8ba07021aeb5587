//! A hit sends the text as it is, but `value()` reads it, and so do tags and `when` of the result.

use cache_runtime::cached;
use cache_runtime::http::CachedJson;

#[derive(Clone, serde::Serialize)]
struct Job {
    id: u64,
}

#[cached(ttl = "list", key = "job:<id>")]
async fn job(id: u64) -> CachedJson<Job> {
    CachedJson::new(Job { id })
}

fn main() {
    let _ = job(7);
}
