use cache_runtime::cached;

#[cached(key = id)]
async fn load(id: u64) -> u64 {
    id
}

#[cached(key = format_args!("job:{id}"))]
async fn load_more(id: u64) -> u64 {
    id
}

fn main() {}
