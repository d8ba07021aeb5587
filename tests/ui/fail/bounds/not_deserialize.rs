use cache_runtime::cached;

#[derive(Clone, serde::Serialize)]
struct Job;

#[cached(key = "job:<id>")]
async fn load(id: u64) -> Option<Job> {
    let _ = id;
    None
}

fn main() {}
