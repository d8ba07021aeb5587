use cache_runtime::cached;

trait Repo {
    #[cached(ttl = "list")]
    async fn load(&self, id: u64) -> u64;
}

fn main() {}
