use cache_runtime::cached;

struct Page<'a> {
    text: &'a str,
}

#[cached(ttl = "list", key = "load:<page.text>", stale_on_error = "1h", soft_timeout = "1s")]
async fn load(page: Page<'_>) -> usize {
    page.text.len()
}

fn main() {}
