use cache_runtime::cached;

#[cached(key = "load:<id>")]
async fn load(id: u64) -> Result<String, ()> {
    Ok(id)
}

fn main() {}
