use cache_runtime::cached;

#[cached(ttl = "list", key = "load:<id>")]
async fn load(id: u64) {
    let _ = id;
}

fn main() {}
