use cache_runtime::cached;

#[cached(key = "load:<T>:<id>")]
async fn load<T: Default>(id: u64) -> T {
    let _ = id;
    T::default()
}

fn main() {}
