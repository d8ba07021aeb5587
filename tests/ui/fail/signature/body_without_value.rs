use cache_runtime::cached;

#[cached(key = "load:<id>")]
async fn load(id: u64) -> Option<u64> {
    Some(id);
}

fn main() {}
