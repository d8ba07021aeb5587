use cache_runtime::cached;

#[cached(invalidates = 7)]
async fn change(id: u64) {}

#[cached(invalidates = ["jobs:", 7])]
async fn change_more(id: u64) {}

fn main() {}
