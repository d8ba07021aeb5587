use cache_runtime::cached;

#[cached(key = "find:<word>", when = |found| found.len() > word.len())]
async fn find(word: String) -> Vec<String> {
    vec![word]
}

fn main() {}
