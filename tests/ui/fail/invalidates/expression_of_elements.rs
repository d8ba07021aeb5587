use cache_runtime::cached;

#[cached(invalidates = result.iter(), invalidates_within = "job:")]
async fn change(id: u64) -> Vec<u64> {
    vec![id]
}

fn main() {}
