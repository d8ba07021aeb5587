use cache_runtime::cached;

#[derive(Clone, serde::Serialize)]
struct Job;

struct NoClone;

#[cached(key = "job:<id>")]
async fn load(id: u64) -> Result<Option<Job>, NoClone> {
    let _ = id;
    Ok(None)
}

fn main() {}
