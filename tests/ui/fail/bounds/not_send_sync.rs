use cache_runtime::cached;

use std::cell::Cell;

#[cached(key = "count:<id>")]
async fn count(id: u64) -> Cell<u64> {
    Cell::new(id)
}

fn main() {}
