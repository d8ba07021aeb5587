use cache_runtime::cached;

#[cached(invalidates = "load:")]
fn create() {}

fn main() {}
