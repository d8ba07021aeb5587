use cache_runtime::cached;

#[cached(invalidates = ["jobs:", id])]
async fn change(id: u64) {}

fn main() {}
