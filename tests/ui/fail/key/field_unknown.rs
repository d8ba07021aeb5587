use cache_runtime::cached;

struct Page {
    skip: u64,
}

#[cached(key = "jobs:<page.skp>")]
async fn jobs(page: Page) -> u64 {
    page.skip
}

fn main() {}
