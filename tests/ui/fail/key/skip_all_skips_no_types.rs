use cache_runtime::cached;

#[cached(key = "load:<id>", skip_all)]
async fn load<T: Default + Into<u64>>(id: u64) -> u64 {
    id + T::default().into()
}

fn main() {}
