use cache_runtime::cached;

#[cached()]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
