use cache_runtime::cached;

#[cached(key = "size:<T>", skip(T))]
async fn size<T>() -> usize {
    size_of::<T>()
}

fn main() {}
