use cache_runtime::cached;

#[cached(invalidates = format!("job:{id}"))]
async fn change(id: u64) {}

#[cached(invalidates = (id > 7).then_some("jobs:"))]
async fn change_some(id: u64) {}

fn main() {}
