#![deny(warnings)]

use cache_runtime::{CacheKey, KeyPrefix, Pattern, Tag, cached};

#[cached(key = "job:<id>")]
async fn job(id: u64) -> u64 {
    id
}

#[cached(invalidates = job::key(id))]
async fn by_companion(id: u64) {}

#[cached(invalidates = [job::key(id), job::key(id + 1)])]
async fn by_companions(id: u64) {}

#[cached(invalidates = patterns)]
async fn given(patterns: &[Pattern]) {}

#[cached(invalidates = { let tag = Tag::of("author"); tag.segment(&author) })]
async fn by_block(author: u64) {}

#[cached(invalidates = if everything { Pattern::all() } else { Pattern::key(&job::key(1)) })]
async fn by_condition(everything: bool) {}

#[cached(invalidates = [KeyPrefix::of("a"), KeyPrefix::of("b")].into_iter().filter(|_| clears))]
async fn by_iterator(clears: bool) {}

#[cached(invalidates = [None::<&Pattern>; 2])]
async fn repeated() {}

#[cached(
    invalidates = ["jobs:", "job:<result.0>", result.1.iter().map(|id| CacheKey::of(kind).segment(id))],
    invalidates_within = ["kind:<kind>:", "other:"],
    invalidates_on = "always",
)]
async fn of_result(kind: &str) -> Result<(u64, Vec<u64>), String> {
    Err(kind.to_owned())
}

#[cached(invalidates = result.iter().chain(patterns), invalidates_within = "*")]
async fn with_an_argument_of_that_name(patterns: &[CacheKey]) -> Vec<CacheKey> {
    patterns.to_vec()
}

#[cached(invalidates = result.clone())]
async fn of_an_argument(result: Tag) {
    drop(result);
}

#[cached(
    key = "both:<names>",
    tags = result.iter().map(|name| format!("{name}:{}", names.len())),
    invalidates = result.iter().map(|name| CacheKey::of("name").segment(name).segment(&names.len())),
    invalidates_within = "*",
)]
async fn both(names: Vec<String>) -> Vec<String> {
    names
}

fn main() {}
