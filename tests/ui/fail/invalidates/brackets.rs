use cache_runtime::cached;

#[cached(invalidates = "jobs:[ab]")]
async fn create(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
