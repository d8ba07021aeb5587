use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", invalidates = "list:", verify = 100)]
async fn load(id: u64) -> u64 {
    id
}

#[cached(ttl = "list", key = "load:<id>", invalidates = "list:", shadow)]
async fn watched(id: u64) -> u64 {
    id
}

fn main() {}
