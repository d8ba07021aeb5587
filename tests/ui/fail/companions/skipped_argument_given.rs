use cache_runtime::cached;

#[cached(key = "load:<id>", skip(db))]
async fn load(db: &str, id: u64) -> u64 {
    let _ = db;
    id
}

fn key() -> cache_runtime::CacheKey {
    load::key("db", 1)
}

fn main() {}
