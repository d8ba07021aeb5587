use cache_runtime::cached;

#[cached(invalidates = "*:<id>")]
async fn create(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
