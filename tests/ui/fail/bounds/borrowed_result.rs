use cache_runtime::cached;

#[cached(key = "name:<name>")]
async fn trimmed(name: &str) -> &str {
    name.trim()
}

fn main() {}
