use cache_runtime::cached;

#[cached(ttl = "list")]
async fn load(id: u64) -> Option<Option<u64>> {
    Some((id > 0).then_some(id))
}

#[cached(ttl = "list")]
async fn load_or_fail(id: u64) -> Result<Option<Option<u64>>, String> {
    Ok(Some((id > 0).then_some(id)))
}

fn main() {}
