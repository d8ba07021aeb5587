use cache_runtime::cached;

struct Repo;

#[cached(ttl = "list")]
impl Repo {}

fn main() {}
