use cache_runtime::cached;

#[cached(key = "list:{skip:03}:<limit>")]
async fn list(skip: u32, limit: u32) -> u32 {
    skip + limit
}

fn main() {}
