use cache_runtime::cached;

#[cached(key = format!("job:{}", user.id))]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
