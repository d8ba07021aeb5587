use axum::Json;
use axum::http::StatusCode;
use cache_runtime::cached;

#[cached(ttl = "1m", key = "job:<id>")]
async fn job(id: u32) -> (StatusCode, [(&'static str, &'static str); 1], Json<u32>) {
    (StatusCode::OK, [("x-total", "1")], Json(id))
}

fn main() {}
