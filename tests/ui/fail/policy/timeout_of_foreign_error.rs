use cache_runtime::cached;

#[cached(key = "read:<path>", timeout = "2s")]
async fn read(path: String) -> Result<String, std::io::Error> {
    std::fs::read_to_string(path)
}

fn main() {}
