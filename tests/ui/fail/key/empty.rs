use cache_runtime::cached;

#[cached(key = "")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
