use cache_runtime::cached;

#[cached(key = "job:<id>")]
async fn job(id: u64, #[cfg(unix)] tenant: u64) -> u64 {
    id + tenant
}

fn main() {}
