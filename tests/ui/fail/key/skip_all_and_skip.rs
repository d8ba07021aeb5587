use cache_runtime::cached;

#[cached(key = "orders:<user>", skip_all, skip(db))]
async fn orders(db: &str, user: u64) -> Vec<u64> {
    let _ = db;
    vec![user]
}

fn main() {}
