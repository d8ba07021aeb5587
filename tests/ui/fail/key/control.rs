use cache_runtime::cached;

#[cached(key = "load\u{7}<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
