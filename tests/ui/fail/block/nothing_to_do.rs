use cache_runtime::{cached, cached_defaults};

struct Repo;

#[cached_defaults(near = false)]
impl Repo {
    #[cached]
    async fn load(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
