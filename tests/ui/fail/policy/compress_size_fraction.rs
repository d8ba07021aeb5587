use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>", compress = "zstd from 1.5KiB")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
