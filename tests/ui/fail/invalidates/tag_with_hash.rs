use cache_runtime::cached;

#[cached(key = "job:<id>", tags = "#job")]
async fn create(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
