use cache_runtime::cached;

trait Load {
    async fn load(&self, id: u64) -> u64;
}

struct Repo;

impl Load for Repo {
    #[cached(ttl = "list", companions = "load")]
    async fn load(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
