use axum::http::HeaderMap;
use cache_runtime::cached;

#[cached(ttl = "1m", key = "page:<headers>")]
async fn page(headers: HeaderMap) -> usize {
    headers.len()
}

fn main() {}
