use cache_runtime::cached;

struct DbError;

#[cached(ttl = "list", timeout = "2s")]
async fn load(id: u64) -> Result<u64, DbError> {
    Ok(id)
}

fn main() {}
