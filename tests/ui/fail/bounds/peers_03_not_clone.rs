use cache_runtime::cached;

#[derive(serde::Serialize, serde::Deserialize)]
struct Job;

#[cached(ttl = "list", key = "jobs:<id>")]
async fn load(id: u64) -> Result<Vec<Job>, String> {
    let _ = id;
    Ok(vec![])
}

fn main() {}
