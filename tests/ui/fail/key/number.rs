use cache_runtime::cached;

#[cached(key = 7)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
