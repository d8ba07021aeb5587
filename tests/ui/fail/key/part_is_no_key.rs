use cache_runtime::cached;

struct Filter;

#[cached(key = "list:<filter>")]
async fn list(filter: Filter) -> u32 {
    let _ = filter;
    0
}

fn main() {}
