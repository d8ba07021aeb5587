use cache_runtime::cached;

#[cached(ttl = "list", skip_all)]
async fn orders(user: u64) -> Vec<u64> {
    vec![user]
}

fn main() {}
