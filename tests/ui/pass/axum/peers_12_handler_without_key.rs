use cache_runtime::cached;

use axum::Json;
use axum::extract::{Query, State};

#[derive(serde::Deserialize, serde::Serialize)]
struct Page {
    skip: u32,
}

#[cached(ttl = "list")]
async fn list(State(db): State<String>, Query(page): Query<Page>) -> Json<Vec<String>> {
    let _ = page.skip;
    Json(vec![db])
}

fn main() {
    let _: axum::Router<String> = axum::Router::new().route("/", axum::routing::get(list));
}
