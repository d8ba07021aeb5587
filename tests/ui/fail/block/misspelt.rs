use cache_runtime::{cached, cached_defaults};

struct Repo;

#[cached_defaults(tll = 5)]
impl Repo {
    #[cached(key = "job:<id>")]
    async fn load(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
