use cache_runtime::cached;

use std::sync::Arc;

struct Job;

#[cached(key = "job:<id>")]
async fn load(id: u64) -> Arc<Job> {
    let _ = id;
    Arc::new(Job)
}

fn main() {}
