use cache_runtime::cached;

#[cached(key = "size:<of>")]
async fn size(of: &(impl serde::Serialize + Sync)) -> usize {
    size_of_val(of)
}

fn main() {}
