use cache_runtime::cached;

#[cached(key = "name:<T>:<id>")]
async fn name<Table>(id: u64) -> String {
    format!("{} {id}", size_of::<Table>())
}

fn main() {}
