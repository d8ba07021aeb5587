use cache_runtime::cached;

#[cached(invalidates = "jobs:<result.id>")]
async fn create() -> Result<String, ()> {
    Ok(String::new())
}

fn main() {}
