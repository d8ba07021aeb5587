use cache_runtime::cached;

#[cached(ttl = "list")]
async fn list(skip: u32, limit: u32) -> Result<Vec<u32>, String> {
    Ok(vec![skip, limit])
}

fn main() {}
