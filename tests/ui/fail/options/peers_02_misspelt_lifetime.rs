use cache_runtime::cached;

#[cached(ttl = "lisst", key = "jobs:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
