use cache_runtime::cached;

struct Repo<T>(T);

impl<T> Repo<T> {
    #[cached(key = "size:<U>")]
    async fn size(&self) -> usize {
        size_of::<T>()
    }
}

fn main() {}
