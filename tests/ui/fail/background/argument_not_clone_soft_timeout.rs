use cache_runtime::cached;

struct Db;

#[cached(ttl = "list", stale_on_error = "1h", soft_timeout = "100ms", skip(db))]
async fn load(db: &Db, id: u64) -> Result<u64, String> {
    let _ = db;
    Ok(id)
}

fn main() {}
