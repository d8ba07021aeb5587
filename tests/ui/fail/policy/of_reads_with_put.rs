use cache_runtime::cached;

#[cached(put, key = "load:<id>", stale = "1m", timeout = "1s", jitter = "10%")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
