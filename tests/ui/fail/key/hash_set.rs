use std::collections::HashSet;

use cache_runtime::cached;

#[cached(ttl = "1m", key = "rows:<ids>")]
async fn rows(ids: HashSet<u32>) -> usize {
    ids.len()
}

#[cached(ttl = "1m")]
async fn automatic(ids: Option<&HashSet<u32>>) -> bool {
    ids.is_some()
}

// Only its length, or nothing of it, is in the key.
#[cached(ttl = "1m", key = "count:<ids.len()>", skip(others))]
async fn count(ids: HashSet<u32>, others: HashSet<u32>) -> usize {
    ids.len() + others.len()
}

fn main() {}
