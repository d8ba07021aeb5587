use cache_runtime::cached;

#[cached(invalidates = "user:<id>*")]
async fn change(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
