use cache_runtime::cached;

#[cached(ttl = "list", stale = "1m")]
async fn load(name: Option<&str>) -> usize {
    name.map_or(0, str::len)
}

fn main() {}
