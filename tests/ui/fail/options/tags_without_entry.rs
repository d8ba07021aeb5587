use cache_runtime::cached;

#[cached(invalidates = "load:", tags = ["a"])]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
