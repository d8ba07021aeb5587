use cache_runtime::cached;

#[cached(key = "load:<result.id>:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
