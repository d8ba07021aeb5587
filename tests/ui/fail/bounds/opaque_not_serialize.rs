use std::fmt;

use cache_runtime::cached;

#[derive(Clone)]
struct Title(u64);

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.0)
    }
}

#[cached(key = "title:<id>")]
async fn title(id: u64) -> impl fmt::Display + Clone {
    Title(id)
}

fn main() {}
