use cache_runtime::cached;

#[cached(key = "job:<id>", tags = [id])]
async fn job(id: u64) -> u64 {
    id
}

fn main() {}
