use cache_runtime::cached;

use std::borrow::Cow;

#[cached(ttl = "list", stale = "1m", stale_on_error = "1h", soft_timeout = "1s")]
async fn load<'a>(name: Cow<'a, str>) -> usize {
    name.len()
}

fn main() {}
