use cache_runtime::cached;

#[derive(Clone, Debug)]
struct Repo(u64);

impl Repo {
    #[cached(ttl = "list", stale = "1m")]
    async fn load(&self, id: u64) -> String {
        format!("{self:?} {id}")
    }
}

fn main() {}
