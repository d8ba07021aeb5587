#![deny(warnings)]

use cache_runtime::{Cache, CacheConfig, cached, cached_defaults};

struct Repo<const N: usize> {
    cache: Cache,
}

#[cached_defaults(
    cache = self.cache,
    crate = ::cache_runtime,
    ttl = "1m",
    near = "5s",
    outage = "bypass",
    codec = "json",
    jitter = "5%",
    companions = false
)]
impl Repo<{ 1 + 1 }> {
    #[cached]
    async fn bare(&self, id: u64) -> u64 {
        id
    }

    #[cached(put, key = "bare:<id>")]
    async fn replaced(&self, id: u64) -> u64 {
        id
    }

    #[cached(invalidates = "bare:")]
    async fn removed(&self) {}

    #[cached(key = "other:<id>", codec = "bincode", near = true, cache = cache_runtime::cache())]
    async fn other(id: u64) -> u64 {
        id
    }
}

/// Without options, it says that functions in it are methods.
#[cached_defaults]
impl<const N: usize> Repo<N> {
    #[cache_runtime::cached(key = "size")]
    async fn size() -> usize {
        N
    }

    #[cfg_attr(all(), cached(key = "half", companions = "half"))]
    async fn half() -> usize {
        N / 2
    }
}

#[cached_defaults(cache = super::own(), ttl = 5)]
pub mod jobs {
    use cache_runtime::cached;

    #[cached(skip_all, key = "job:<id>")]
    pub async fn job(id: u64, trace: u64) -> u64 {
        let _ = trace;
        id
    }

    pub(crate) trait Titled {
        #[cached(invalidates = "title:")]
        async fn change() {}
    }
}

fn own() -> Cache {
    Cache::new(CacheConfig::default()).unwrap_or_else(|_| Cache::disabled())
}

fn main() {
    assert_eq!(jobs::job::key(1).as_str(), "job:1");
    assert_eq!(Repo::<4>::half_key().as_str().split(':').next(), Some("half"));
}
