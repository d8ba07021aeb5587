use cache_runtime::cached;

#[cached(key = "name:<id>")]
async fn name(id: u64) -> Result<&'static str, &'static str> {
    if id > 0 { Ok("some") } else { Err("none") }
}

fn main() {}
