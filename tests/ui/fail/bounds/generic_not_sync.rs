use cache_runtime::cached;

struct Repo<T>(T);

impl<T: Send> Repo<T> {
    #[cached(ttl = "list", skip(self))]
    async fn load(&self, id: u64) -> u64 {
        let _ = &self.0;
        id
    }
}

fn main() {}
