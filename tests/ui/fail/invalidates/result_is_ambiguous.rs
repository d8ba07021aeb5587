use cache_runtime::cached;

#[cached(invalidates = "jobs:<result>")]
async fn create(result: u64) -> u64 {
    result
}

fn main() {}
