use cache_runtime::cached;

#[cached(key = "job:<id>")]
fn job(id: u64) -> impl Future<Output = Option<u64>> + Send {
    async move { Some(id) }
}

fn main() {}
