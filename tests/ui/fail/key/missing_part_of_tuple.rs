use cache_runtime::cached;

#[cached(key = "list:<skip>")]
async fn list((skip, limit): (u32, u32)) -> u32 {
    skip + limit
}

fn main() {}
