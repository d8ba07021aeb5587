use cache_runtime::cached;

#[cached(invalidates = "jobs:", companions = "create_job")]
async fn create() {}

fn main() {}
