use cache_runtime::cached;

trait Table {
    const NAME: &'static str;
}

#[cached(key = "name:<id>")]
async fn name<T: Table>(id: u64) -> String {
    format!("{} {id}", T::NAME)
}

fn main() {}
