use cache_runtime::cached;

#[cached(ttl = soon(), key = "load:<id>")]
async fn load(id: u64) -> u64 {
    id
}

fn soon() -> String {
    "soon".into()
}

fn main() {}
