use cache_runtime::cached;

#[cached(ttl = "list", skip(idd))]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
