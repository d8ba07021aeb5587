//! What does a hit in memory cost, key building included, next to moka's bare `get` with a ready key and next to the
//! clone of the value itself?

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::cached;
use criterion::{Criterion, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    id: u64,
    title: String,
    company: String,
    location: String,
    remote: bool,
    salary: Option<(u32, u32)>,
}

fn jobs(count: u64) -> Vec<Job> {
    (0..count)
        .map(|id| Job {
            id,
            title: format!("Engineer {id}"),
            company: "Example and Sons".into(),
            location: "Lisbon".into(),
            remote: id % 2 == 0,
            salary: Some((50_000, 80_000)),
        })
        .collect()
}

#[cached(ttl = "1h", key = "bench:shared:<skip>:<limit>")]
async fn shared(skip: u32, limit: u32) -> Arc<Vec<Job>> {
    Arc::new(jobs(u64::from(skip + limit)))
}

#[cached(ttl = "1h", key = "bench:cloned:<skip>:<limit>")]
async fn cloned(skip: u32, limit: u32) -> Vec<Job> {
    jobs(u64::from(skip + limit))
}

fn hit_path(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
    let _ = cache_runtime::init(cache_runtime::CacheConfig::default());
    let mut group = criterion.benchmark_group("memory_hit_20_rows");
    group.measurement_time(Duration::from_secs(4));

    let moka: moka::future::Cache<String, Arc<Vec<Job>>> = moka::future::Cache::builder()
        .max_capacity(10_000)
        .time_to_live(Duration::from_secs(3600))
        .build();
    let key = "bench:shared:0:20".to_owned();
    runtime.block_on(moka.insert(key.clone(), Arc::new(jobs(20))));
    group.bench_function("moka_get_ready_key", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(moka.get(black_box(&key)).await) }));
    });

    runtime.block_on(shared(0, 20));
    group.bench_function("cached_arc", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async { black_box(shared(black_box(0), black_box(20)).await) })
        });
    });

    let value = jobs(20);
    group.bench_function("clone_alone", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(black_box(&value).clone()) }));
    });
    runtime.block_on(cloned(0, 20));
    group.bench_function("cached_cloned", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async { black_box(cloned(black_box(0), black_box(20)).await) })
        });
    });
    group.finish();
}

criterion_group!(benches, hit_path);
criterion_main!(benches);
