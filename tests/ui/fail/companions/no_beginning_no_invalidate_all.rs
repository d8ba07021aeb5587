use cache_runtime::cached;

#[cached(key = "<tenant>:job")]
async fn job(tenant: u64) -> u64 {
    tenant
}

async fn all() {
    job::invalidate_all().await;
}

fn main() {}
