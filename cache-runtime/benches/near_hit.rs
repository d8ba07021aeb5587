//! What does a hit in memory cost while Redis is up, where the copy came from a tracked read, next to moka's bare `get` of
//! an `Arc` with a ready key?

#[path = "support/rows.rs"]
mod rows;
mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, cached};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

use rows::{Rows, rows};
use support::{Server, connect};

#[cached(ttl = "1h", key = "bench:near:<skip>:<limit>", cache = cache, skip(cache))]
async fn read(cache: &Cache, skip: u32, limit: u32) -> Arc<Rows> {
    Arc::new(rows())
}

fn near_hit(criterion: &mut Criterion) {
    let server = Server::start();
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
    let cache = runtime.block_on(async {
        connect(&server.url).await;
        let cache = Cache::new(CacheConfig::default().redis_url(&server.url))
            .unwrap_or_else(|error| panic!("{error}"));
        // A store fills Redis, the read after it fills memory; from then on memory answers.
        while cache.stats().memory_hits == 0 {
            read(&cache, 0, 20).await;
        }
        assert!(cache.health().await.stats.redis_available);
        cache
    });
    let moka: moka::future::Cache<String, Arc<Rows>> = moka::future::Cache::builder()
        .max_capacity(10_000)
        .time_to_live(Duration::from_secs(3600))
        .build();
    let key = "bench:near:0:20".to_owned();
    runtime.block_on(moka.insert(key.clone(), Arc::new(rows())));

    let mut group = criterion.benchmark_group("near_hit_20_rows");
    group.measurement_time(Duration::from_secs(4));
    group.bench_function("moka_get_ready_key", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(moka.get(black_box(&key)).await) }));
    });
    group.bench_function("cached_arc", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async { black_box(read(&cache, black_box(0), black_box(20)).await) })
        });
    });
    group.finish();
    // Nothing but memory has answered: one read of Redis, before the copy stood.
    assert!(
        cache.stats().redis_hits <= 2,
        "{:?}: not a bench of memory hits",
        cache.stats()
    );
}

criterion_group!(benches, near_hit);
criterion_main!(benches);
