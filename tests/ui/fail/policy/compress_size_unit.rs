use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", compress = "lz4 from 4KB")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
