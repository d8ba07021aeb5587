use cache_runtime::cached;

#[cached(key = "job:<id>", ttl_secs = 60)]
async fn job(id: u64) -> u64 {
    id
}

fn main() {}
