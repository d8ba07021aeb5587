use cache_runtime::cached;

#[cached(key = "load:<>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
