use cache_runtime::cached;

#[cached(tttl = "list", key = "jobs:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn main() {}
