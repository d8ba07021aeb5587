use cache_runtime::cached_defaults;

struct Repo;

#[cached_defaults(ttl = "1m")]
impl Repo {
    async fn load(id: u64) -> u64 {
        id
    }
}

fn main() {}
