use cache_runtime::cached;

#[cached(colour = 5, key = "load:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
