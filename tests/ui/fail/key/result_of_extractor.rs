use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use cache_runtime::cached;

#[derive(serde::Serialize, serde::Deserialize)]
struct Page {
    number: u32,
}

#[cached(ttl = "list", key = "jobs:<page>")]
async fn jobs(page: Result<Query<Page>, QueryRejection>) -> Json<Vec<u32>> {
    Json(page.into_iter().map(|Query(page)| page.number).collect())
}

#[cached(ttl = "list")]
async fn more_jobs(page: Result<Query<Page>, QueryRejection>) -> Json<Vec<u32>> {
    Json(page.into_iter().map(|Query(page)| page.number).collect())
}

fn main() {}
