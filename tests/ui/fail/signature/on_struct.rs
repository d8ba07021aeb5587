use cache_runtime::cached;

#[cached(ttl = "list")]
struct Job;

fn main() {}
