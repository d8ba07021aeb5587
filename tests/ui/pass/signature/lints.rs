
//! Generated code is silent under strict lints.
#![deny(warnings, missing_docs, unreachable_pub, unused, unused_qualifications)]

use cache_runtime::cached;

/// A module whose items are seen from outside it.
pub mod jobs {
    use super::cached;

    /// Documented, as its companions must be.
    #[cached(ttl = "list")]
    pub async fn list(mut skip: u32, limit: u32) -> Result<Vec<u32>, String> {
        skip += 1;
        if limit == 0 {
            return Err("none".to_owned());
        }
        Ok(vec![skip, limit])
    }

    /// A write.
    #[cached(invalidates = "jobs:")]
    pub async fn create(name: String) {
        drop(name);
    }
}

fn main() {}
