//! What the figures say of a cache with a Redis, and while that is away.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use cache_runtime::metrics::{DURATION_BUCKETS, Kind, METRICS};
use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::SOON;

/// The one recorder of this process. Other tests are recorded, too: each of these looks at names of its own.
static PROMETHEUS: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_duration_seconds".into()),
            &DURATION_BUCKETS,
        )
        .unwrap()
        .install_recorder()
        .unwrap();
    cache_runtime::metrics::describe();
    handle
});

/// One line of what Prometheus fetches.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

struct Figures(Vec<Sample>);

impl Figures {
    fn of(cache: &Cache) -> Self {
        LazyLock::force(&PROMETHEUS);
        cache.publish_metrics();
        let text = PROMETHEUS.render();
        Self(
            text.lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(sample)
                .collect(),
        )
    }

    /// The one sample with that name and these among its labels.
    fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matching: Vec<&Sample> = self
            .0
            .iter()
            .filter(|sample| {
                sample.name == name
                    && labels.iter().all(|(name, value)| {
                        sample
                            .labels
                            .iter()
                            .any(|(have, of)| (&**have, &**of) == (*name, *value))
                    })
            })
            .collect();
        assert_eq!(matching.len(), 1, "{name}{labels:?}: {matching:?}");
        matching[0].value
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    Sample {
        name: name.into(),
        labels: labels
            .trim_end_matches('}')
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(name, value)| (name.into(), value.trim_matches('"').into()))
            .collect(),
        value: value.parse().unwrap(),
    }
}

#[cached(
    ttl = "1h",
    key = "watched:<id>",
    cache = cache,
    skip(cache),
    name = "watched_item"
)]
async fn watched_item(cache: &Cache, id: &str) -> Result<u32, String> {
    match id {
        "broken" => Err("broken".into()),
        _ => Ok(7),
    }
}

#[cached(
    ttl = "1s",
    stale = "1h",
    key = "watched-stale:<id>",
    cache = cache.clone(),
    skip(cache),
    name = "watched_stale"
)]
async fn watched_stale(cache: Cache, id: u32) -> u32 {
    id
}

#[cached(
    ttl = "1h",
    near = false,
    key = "watched-far:<id>",
    cache = cache,
    skip(cache),
    name = "watched_far"
)]
async fn watched_far(cache: &Cache, id: u32) -> u32 {
    id
}

#[cached(
    ttl = "1h",
    key = "watched-slow:<id>",
    cache = cache.clone(),
    skip(cache),
    name = "watched_slow"
)]
async fn watched_slow(cache: Cache, id: u32) -> u32 {
    tokio::time::sleep(Duration::from_millis(100)).await;
    id
}

#[cached(
    ttl = "1h",
    key = "watched-text:<text>",
    cache = cache,
    skip(cache),
    name = "watched_text"
)]
async fn watched_text(cache: &Cache, text: &str) -> usize {
    text.len()
}

fn outcomes(figures: &Figures, function: &str) -> [f64; 6] {
    [
        "memory_hit",
        "redis_hit",
        "stale",
        "coalesced",
        "miss",
        "bypass",
    ]
    .map(|outcome| {
        figures.one(
            "cache_requests_total",
            &[("function", function), ("outcome", outcome)],
        )
    })
}

async fn connected(server: &RedisServer, namespace: &str) -> Cache {
    LazyLock::force(&PROMETHEUS);
    let config = CacheConfig::default()
        .redis_url(server.url())
        .namespace(namespace)
        .budget(SOON);
    let cache = Cache::new(config).unwrap();
    reaches_redis(&cache).await;
    cache
}

async fn reaches_redis(cache: &Cache) {
    let reached = async || {
        let health = cache.health().await;
        health.stats.redis_available.then_some(())
    };
    eventually(SOON, "a connection", reached).await;
}

async fn has_stored(cache: &Cache, stores: u64) {
    let stored = async || (cache.stats().stores >= stores).then_some(());
    eventually(SOON, "a store", stored).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_moves_the_figure_of_what_it_got() {
    let server = RedisServer::start();
    let cache = connected(&server, "m-calls").await;
    let of = [("cache", "m-calls")];

    assert_eq!(watched_item(&cache, "a").await, Ok(7));
    has_stored(&cache, 1).await;
    assert_eq!(watched_item(&cache, "a").await, Ok(7));
    assert_eq!(watched_item(&cache, "a").await, Ok(7));
    assert!(watched_item(&cache, "broken").await.is_err());
    let figures = Figures::of(&cache);
    // A miss, from Redis into memory, from memory, and a miss that failed.
    assert_eq!(
        outcomes(&figures, "watched_item"),
        [1.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    );
    let function = [("function", "watched_item")];
    assert_eq!(figures.one("cache_load_failures_total", &function), 1.0);
    assert_eq!(
        figures.one("cache_load_duration_seconds_count", &function),
        2.0
    );
    assert_eq!(figures.one("cache_stores_total", &of), 1.0);
    assert_eq!(figures.one("cache_memory_entries", &of), 1.0);
    assert!(figures.one("cache_memory_bytes", &of) > 0.0);
    let released =
        async || (Figures::of(&cache).one("cache_leases_held", &of) == 0.0).then_some(());
    eventually(SOON, "the failed load's lease to end", released).await;

    // Told again, nothing is counted twice.
    assert_eq!(
        outcomes(&Figures::of(&cache), "watched_item"),
        [1.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    );

    watched_far(&cache, 1).await;
    has_stored(&cache, 2).await;
    watched_far(&cache, 1).await;
    let figures = Figures::of(&cache);
    assert_eq!(
        outcomes(&figures, "watched_far"),
        [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    );

    let calls: Vec<_> = (0..5)
        .map(|_| tokio::spawn(watched_slow(cache.clone(), 1)))
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let held = Figures::of(&cache).one("cache_leases_held", &of);
    for call in calls {
        assert_eq!(call.await.unwrap(), 1);
    }
    let figures = Figures::of(&cache);
    assert_eq!(held, 1.0, "one load is under way");
    let [_, _, _, coalesced, miss, _] = outcomes(&figures, "watched_slow");
    assert_eq!((coalesced, miss), (4.0, 1.0));
    has_stored(&cache, 3).await;

    let removed = cache.invalidate_prefix("watched").await.removed;
    let figures = Figures::of(&cache);
    assert_eq!(removed, 3);
    assert_eq!(figures.one("cache_invalidations_total", &of), 1.0);
    assert_eq!(figures.one("cache_removed_entries_total", &of), 3.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_hit_and_its_refresh_have_figures_of_their_own() {
    let server = RedisServer::start();
    let cache = connected(&server, "m-stale").await;
    watched_stale(cache.clone(), 1).await;
    has_stored(&cache, 1).await;
    watched_stale(cache.clone(), 1).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    watched_stale(cache.clone(), 1).await;
    has_stored(&cache, 2).await;
    let figures = Figures::of(&cache);
    assert_eq!(
        outcomes(&figures, "watched_stale"),
        [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    );
    let function = [("function", "watched_stale")];
    assert_eq!(figures.one("cache_background_loads_total", &function), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_shows_and_so_does_its_end() {
    let server = RedisServer::start();
    let cache = connected(&server, "m-outage").await;
    let of = [("cache", "m-outage")];
    let to = |state| [("cache", "m-outage"), ("to", state)];
    let before = Figures::of(&cache);
    assert_eq!(before.one("cache_breaker_state", &of), 0.0);
    assert_eq!(
        before.one("cache_breaker_transitions_total", &to("closed")),
        1.0
    );

    server.kill9();
    let open = async || (Figures::of(&cache).one("cache_breaker_state", &of) > 0.0).then_some(());
    eventually(SOON, "the breaker to open", open).await;
    assert!(!cache.invalidate_prefix("watched").await.is_durable());
    let during = Figures::of(&cache);
    assert_eq!(during.one("cache_journal_length", &of), 1.0);
    assert_eq!(during.one("cache_invalidations_queued_total", &of), 1.0);
    assert!(during.one("cache_breaker_transitions_total", &to("open")) >= 1.0);

    server.restart();
    reaches_redis(&cache).await;
    let after = Figures::of(&cache);
    assert_eq!(after.one("cache_breaker_state", &of), 0.0);
    assert_eq!(after.one("cache_journal_length", &of), 0.0);
    assert_eq!(
        after.one("cache_breaker_transitions_total", &to("closed")),
        2.0
    );
}

/// Names, types and labels are those of the table, and nothing of a key is among the labels.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_is_what_is_documented() {
    const SECRET: &str = "hunter2";
    let server = RedisServer::start();
    let cache = connected(&server, "m-table").await;
    watched_text(&cache, SECRET).await;
    let _ = cache.get::<u32>(SECRET).await;
    has_stored(&cache, 1).await;
    let _ = cache.invalidate_pattern(&format!("*{SECRET}*")).await;
    let _ = cache.invalidate_tag(SECRET).await;

    let figures = Figures::of(&cache);
    let text = PROMETHEUS.render();
    assert!(!text.contains(SECRET));
    let mut told = BTreeSet::new();
    for sample in &figures.0 {
        let name = METRICS
            .iter()
            .filter(|metric| match metric.kind {
                Kind::Histogram => ["_bucket", "_count", "_sum"]
                    .iter()
                    .any(|end| sample.name == format!("{}{end}", metric.name)),
                _ => sample.name == metric.name,
            })
            .collect::<Vec<_>>();
        let [metric] = name[..] else {
            panic!("{} is not in the table", sample.name)
        };
        let mut labels: Vec<&str> = sample
            .labels
            .iter()
            .map(|(name, _)| &**name)
            .filter(|label| *label != "le")
            .collect();
        let mut documented = metric.labels.to_vec();
        labels.sort_unstable();
        documented.sort_unstable();
        assert_eq!(labels, documented, "{}", sample.name);
        told.insert(metric.name);
    }
    for metric in METRICS {
        assert!(told.contains(metric.name), "{} is not told", metric.name);
        let kind = format!("# TYPE {} {}", metric.name, metric.kind.as_str());
        assert!(text.lines().any(|line| line == kind), "{kind}");
        let help = format!("# HELP {} {}", metric.name, metric.help);
        assert!(text.lines().any(|line| line == help), "{help}");
    }
}
