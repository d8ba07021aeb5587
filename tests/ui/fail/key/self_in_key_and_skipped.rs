use cache_runtime::cached;

struct Repo;

impl Repo {
    #[cached(key = "size:<Self>", skip(Self))]
    async fn size(&self) -> usize {
        0
    }
}

fn main() {}
