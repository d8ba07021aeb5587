use cache_runtime::cached;

struct DbError;

#[cached(ttl = "list", key = "jobs:<id>")]
async fn load(id: &str) -> Result<u64, DbError> {
    Ok(id.parse::<u64>()?)
}

fn main() {}
