use cache_runtime::cached;

use axum::http::StatusCode;

#[cached(key = "job:<id>")]
async fn load(id: u64) -> StatusCode {
    let _ = id;
    StatusCode::OK
}

fn main() {}
