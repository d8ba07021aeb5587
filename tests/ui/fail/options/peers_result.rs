use cache_runtime::cached;

#[cached(ttl = 60, result = true)]
async fn job(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
