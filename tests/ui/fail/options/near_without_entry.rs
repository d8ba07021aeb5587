use cache_runtime::cached;

#[cached(invalidates = "load:", near = false)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
