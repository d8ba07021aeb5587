use cache_runtime::{Cache, cached, cached_defaults};

struct Repo {
    cache: Cache,
}

#[cached_defaults(cache = self.cache)]
impl Repo {
    #[cached(key = "job:<id>")]
    async fn load(id: u64) -> u64 {
        id
    }
}

fn main() {}
