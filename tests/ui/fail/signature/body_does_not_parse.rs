use cache_runtime::cached;

#[cached(key = "load:<id>")]
async fn load(id: u64) -> u64 {
    let twice = id id;
    twice
}

fn main() {}
