use cache_runtime::cached;

#[cached(invalidates = "load:", when = |_| true)]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
