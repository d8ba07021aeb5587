use cache_runtime::cached;

struct Db;

#[cached(ttl = "list", verify = 100, skip(db))]
async fn load(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

fn main() {}
