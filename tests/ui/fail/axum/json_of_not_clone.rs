use cache_runtime::cached;

use axum::Json;

#[derive(serde::Serialize, serde::Deserialize)]
struct Job;

#[cached(key = "job:<id>")]
async fn load(id: u64) -> Result<Json<Job>, String> {
    let _ = id;
    Ok(Json(Job))
}

fn main() {}
