//! What does a hit in Redis cost, next to a bare `GET` and decode with the client itself, both over one multiplexed
//! connection to a server that this bench starts?

#[path = "support/rows.rs"]
mod rows;
mod support;

use std::hint::black_box;
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, cached};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use redis::AsyncCommands;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use rows::{Rows, rows};
use support::{Server, connect};

#[cached(ttl = "1h", key = "bench:rows:<skip>", near = false, cache = cache, skip(cache))]
async fn read(cache: &Cache, skip: u32) -> Rows {
    rows()
}

fn redis_hit(criterion: &mut Criterion) {
    let server = Server::start();
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
    let (bare, cache) = runtime.block_on(async {
        let mut bare = connect(&server.url).await;
        let bytes =
            bincode::serde::encode_to_vec(rows(), bincode::config::standard()).unwrap_or_default();
        let _: () = bare
            .set("bare", bytes)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let cache = Cache::new(CacheConfig::default().redis_url(&server.url))
            .unwrap_or_else(|error| panic!("{error}"));
        read(&cache, 0).await;
        while cache.stats().stores == 0 {
            tokio::task::yield_now().await;
        }
        (bare, cache)
    });
    let get = async |connection: &redis::aio::MultiplexedConnection| -> Rows {
        let bytes: Vec<u8> = connection.clone().get("bare").await.unwrap_or_default();
        bincode::serde::decode_from_slice(&bytes, bincode::config::standard())
            .map(|(rows, _)| rows)
            .unwrap_or_default()
    };

    let mut group = criterion.benchmark_group("redis_hit_20_rows");
    group.measurement_time(Duration::from_secs(5));
    group.bench_function("bare_get_and_decode", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(get(&bare).await) }));
    });
    group.bench_function("cached", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(read(&cache, 0).await) }));
    });

    const TASKS: u64 = 64;
    const EACH: u64 = 20;
    group.throughput(Throughput::Elements(TASKS * EACH));
    group.bench_function(
        BenchmarkId::new("bare_get_and_decode", "64_tasks"),
        |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let mut tasks = JoinSet::new();
                    for _ in 0..TASKS {
                        let bare = bare.clone();
                        tasks.spawn(async move {
                            for _ in 0..EACH {
                                let bytes: Vec<u8> =
                                    bare.clone().get("bare").await.unwrap_or_default();
                                let rows: Rows = bincode::serde::decode_from_slice(
                                    &bytes,
                                    bincode::config::standard(),
                                )
                                .map(|(rows, _)| rows)
                                .unwrap_or_default();
                                black_box(rows);
                            }
                        });
                    }
                    tasks.join_all().await
                })
            });
        },
    );
    group.bench_function(BenchmarkId::new("cached", "64_tasks"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for _ in 0..TASKS {
                    let cache = cache.clone();
                    tasks.spawn(async move {
                        for _ in 0..EACH {
                            black_box(read(&cache, 0).await);
                        }
                    });
                }
                tasks.join_all().await
            })
        });
    });
    group.finish();
    drop(server);
}

criterion_group!(benches, redis_hit);
criterion_main!(benches);
