use cache_runtime::cached;

struct Repo(u64);

impl Repo {
    #[cached(ttl = "list", early = 2)]
    async fn load(&mut self, id: u64) -> u64 {
        self.0 += 1;
        id
    }
}

fn main() {}
