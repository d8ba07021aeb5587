use cache_runtime::cached;

#[cached(invalidates = "load:", public, vary = "cookie", statuses = 404)]
async fn load(id: u64) {
    let _ = id;
}

fn main() {}
