use cache_runtime::cached;

#[cached(key = "load:<id>")]
async fn load(id: u64) -> String {
    id
}

fn main() {}
