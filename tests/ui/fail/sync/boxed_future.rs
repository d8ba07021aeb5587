use cache_runtime::cached;
type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[cached(ttl = "1h", key = "rate:<id>")]
fn rate(id: u64) -> BoxFuture<'static, u64> {
    Box::pin(async move { id })
}

fn main() {}
