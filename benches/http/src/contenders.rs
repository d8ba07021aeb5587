//! The contenders, and the tables that each is in.

mod axum_response_cache;
mod bare;
mod cached_memory;
mod cached_redis;
mod moka;
mod ours;
mod tower_http_cache;

use std::future::Future;
use std::pin::Pin;

use axum::Router;

/// Entries that each cache in memory has room for: twice the number of keys.
pub const CAPACITY: usize = 20_000;

/// Makes the service of a contender, over the Redis at this URL if it uses one.
type Make = fn(String) -> Pin<Box<dyn Future<Output = Router> + Send>>;

#[derive(Clone, Copy)]
pub enum Service {
    Rust(Make),
    /// `service.py`, with these words as its first argument.
    Python(&'static str),
}

#[derive(Clone, Copy)]
pub struct Contender {
    /// As in tables and charts.
    pub name: &'static str,
    /// As on the command line of `serve`.
    pub id: &'static str,
    pub redis: bool,
    pub service: Service,
    /// Tables that it is not in, although it could be.
    pub not_in: &'static [Section],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Hot,
    Mix,
    Stampede,
    Outage,
}

impl Contender {
    pub fn is_ours(&self) -> bool {
        self.name.starts_with("ours")
    }

    pub fn is_python(&self) -> bool {
        matches!(self.service, Service::Python(_))
    }
}

const fn rust(name: &'static str, id: &'static str, make: Make) -> Contender {
    Contender {
        name,
        id,
        redis: false,
        service: Service::Rust(make),
        not_in: &[],
    }
}

const fn python(name: &'static str, id: &'static str, form: &'static str) -> Contender {
    Contender {
        name,
        id,
        redis: false,
        service: Service::Python(form),
        not_in: &[],
    }
}

const fn redis(contender: Contender) -> Contender {
    Contender {
        redis: true,
        ..contender
    }
}

const fn not_in(contender: Contender, sections: &'static [Section]) -> Contender {
    Contender {
        not_in: sections,
        ..contender
    }
}

use Section::{Hot, Mix, Outage, Stampede};

pub const ALL: [Contender; 20] = [
    // Without a cache.
    not_in(
        rust("prepared bytes", "prepared", |_| {
            Box::pin(async { bare::prepared() })
        }),
        &[Mix, Stampede],
    ),
    rust("no cache", "bare", |_| Box::pin(async { bare::uncached() })),
    // In memory.
    rust("ours, CachedJson", "ours-text", |_| {
        Box::pin(async { ours::memory(ours::text()) })
    }),
    rust("ours, CachedJson + CacheLayer", "ours-text-layer", |_| {
        Box::pin(async { ours::memory(ours::layered(ours::text())) })
    }),
    rust("ours, Json + CacheLayer", "ours-json-layer", |_| {
        Box::pin(async { ours::memory(ours::layered(ours::json())) })
    }),
    rust("cached", "cached", |_| {
        Box::pin(async { cached_memory::service() })
    }),
    rust("moka by hand, Arc<T>", "moka-arc", |_| {
        Box::pin(async { moka::values() })
    }),
    rust("moka by hand, bytes", "moka-bytes", |_| {
        Box::pin(async { moka::bytes() })
    }),
    rust("axum-response-cache", "axum-response-cache", |_| {
        Box::pin(async { axum_response_cache::service() })
    }),
    rust("tower-http-cache", "tower-http-cache", |_| {
        Box::pin(async { tower_http_cache::memory() })
    }),
    python("FastAPI + cashews", "cashews", "values"),
    not_in(
        python("FastAPI + cashews, bytes", "cashews-bytes", "bytes"),
        &[Stampede],
    ),
    not_in(
        python("FastAPI + cashews, its ETag", "cashews-etag", "etag"),
        &[Mix, Stampede],
    ),
    // With Redis.
    redis(rust("ours, CachedJson", "ours-text-redis", |url| {
        Box::pin(async { ours::redis(url, ours::text()) })
    })),
    redis(rust(
        "ours, CachedJson + CacheLayer",
        "ours-text-layer-redis",
        |url| Box::pin(async { ours::redis(url, ours::layered(ours::text())) }),
    )),
    redis(rust(
        "ours, Json + CacheLayer",
        "ours-json-layer-redis",
        |url| Box::pin(async { ours::redis(url, ours::layered(ours::json())) }),
    )),
    redis(rust("cached", "cached-redis", |url| {
        Box::pin(async { cached_redis::service(url) })
    })),
    redis(rust("tower-http-cache", "tower-http-cache-redis", |url| {
        Box::pin(tower_http_cache::redis(url))
    })),
    redis(rust(
        "tower-http-cache, two tiers",
        "tower-http-cache-tiers",
        |url| Box::pin(tower_http_cache::tiers(url)),
    )),
    redis(python("FastAPI + cashews", "cashews-redis", "values")),
];

/// In the order of the table.
pub fn of(section: Section) -> Vec<Contender> {
    let fits = |contender: &&Contender| match section {
        Hot => !contender.redis,
        Mix | Stampede => true,
        Outage => contender.redis,
    };
    let all = ALL.iter().filter(fits);
    all.filter(|contender| !contender.not_in.contains(&section))
        .copied()
        .collect()
}

pub fn by_id(id: &str) -> Option<Contender> {
    ALL.iter().find(|contender| contender.id == id).copied()
}
