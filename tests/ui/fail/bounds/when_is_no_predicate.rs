use cache_runtime::cached;

#[cached(key = "load:<id>", when = |job| job.len())]
async fn load(id: u64) -> Option<Vec<u64>> {
    Some(vec![id])
}

fn main() {}
