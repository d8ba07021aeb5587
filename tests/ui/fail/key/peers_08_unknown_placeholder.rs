use cache_runtime::cached;

#[cached(ttl = "list", key = "jobs:list:<skip>:<limit>:<offset>")]
async fn list_jobs(skip: u32, limit: u32) -> Vec<u32> {
    vec![skip, limit]
}

fn main() {}
