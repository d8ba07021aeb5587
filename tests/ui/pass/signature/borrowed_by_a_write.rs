//! A write stores nothing, so its result may borrow.

use cache_runtime::cached;

#[cached(invalidates = "a:")]
async fn text(text: &str) -> &str {
    text
}

#[cached(invalidates = "a:")]
async fn option(text: &str) -> Option<&str> {
    Some(text)
}

#[cached(invalidates = "a:")]
async fn bytes(bytes: &[u8]) -> Result<&[u8], String> {
    Ok(bytes)
}

#[cached(invalidates = "a:<result.0>")]
async fn pair(text: &str) -> (u64, &str) {
    (1, text)
}

fn main() {
    drop((text(""), option(""), bytes(&[]), pair("")));
}
