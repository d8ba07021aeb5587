use cache_runtime::cached;

#[cached(ttl = "1h", key = "name:<id>")]
fn name(id: u64) -> impl Clone {
    id.to_string()
}

fn main() {}
