use cache_runtime::cached;

struct DbError;

#[cached(ttl = "list", key = "jobs:<id>")]
async fn load(id: &str) -> Result<u64, DbError> {
    let id: u64 = id.parse()?;
    Ok(id)
}

fn main() {}
