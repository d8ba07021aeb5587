use cache_runtime::cached;

#[derive(serde::Serialize, serde::Deserialize)]
struct Job;

#[cached(key = "job:<id>")]
async fn job(id: u64) -> Result<Option<Job>, String> {
    let _ = id;
    Ok(None)
}

fn main() {}
