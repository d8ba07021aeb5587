use cache_runtime::cached;

use std::borrow::Cow;

#[cached(key = "name:<name>")]
async fn trimmed(name: &'static str) -> Cow<'_, str> {
    name.trim().into()
}

fn main() {}
