use cache_runtime::cached;

struct Jobs;

impl Jobs {
    #[cached(key = "job:<id>")]
    async fn job(id: u64) -> u64 {
        id
    }
}

fn main() {}
