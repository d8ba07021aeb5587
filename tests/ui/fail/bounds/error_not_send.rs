use std::error::Error;
use std::rc::Rc;

use cache_runtime::cached;

#[cached(key = "job:<id>")]
async fn job(id: u64) -> Result<u64, Box<dyn Error>> {
    Ok(id)
}

#[cached(key = "other:<id>")]
async fn other(id: u64) -> Result<u64, Rc<str>> {
    Ok(id)
}

fn main() {}
