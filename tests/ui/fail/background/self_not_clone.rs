use cache_runtime::cached;

struct Repo {
    rows: u64,
}

impl Repo {
    #[cached(ttl = "list", stale = "1m")]
    async fn load(&self, id: u64) -> u64 {
        self.rows + id
    }
}

fn main() {}
