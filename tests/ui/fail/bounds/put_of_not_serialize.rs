use cache_runtime::cached;

struct Job;

#[cached(key = "job:<id>", put)]
async fn save(id: u64) -> Result<Job, String> {
    let _ = id;
    Ok(Job)
}

fn main() {}
