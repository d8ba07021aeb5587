use cache_runtime::cached;

#[cached(invalidates = [])]
async fn create(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
