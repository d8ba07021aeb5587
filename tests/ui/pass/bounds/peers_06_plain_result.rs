use cache_runtime::cached;

#[cached(ttl = "list", key = "jobs:<id>")]
async fn load(id: u64) -> Vec<u64> {
    vec![id]
}

fn main() {}
