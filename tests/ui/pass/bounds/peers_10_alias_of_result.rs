use cache_runtime::cached;

type Loaded<T> = Result<T, String>;

#[cached(ttl = "list", key = "jobs:<id>")]
async fn load(id: &str) -> Loaded<u64> {
    id.parse().map_err(|_| "no number".to_owned())
}

fn main() {}
