use cache_runtime::cached;

struct Filter;

#[cached(ttl = "list")]
async fn list(filter: Filter) -> u32 {
    let _ = filter;
    0
}

fn main() {}
