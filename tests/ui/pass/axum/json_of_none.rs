//! `Json(None)` is an absence, which `none_ttl` may keep.

use axum::Json;
use cache_runtime::cached;

#[cached(ttl = "list", none_ttl = "10s")]
async fn load(id: u64) -> Json<Option<u64>> {
    Json((id > 0).then_some(id))
}

#[cached(ttl = "list", none_ttl = "10s")]
async fn load_or_fail(id: u64) -> Result<Json<Option<u64>>, String> {
    Ok(Json((id > 0).then_some(id)))
}

fn main() {}
