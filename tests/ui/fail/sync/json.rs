use axum::Json;
use cache_runtime::cached;

#[cached(ttl = "1h", key = "rate:<id>")]
fn rate(id: u64) -> Result<Json<u64>, ()> {
    Ok(Json(id))
}

fn main() {}
