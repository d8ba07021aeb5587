//! What is told by spans, to whom, and what that costs those who do not listen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// One span: its own name, that of its parent, its fields.
#[derive(Clone, Debug, Default)]
struct Told {
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeMap<String, String>,
}

impl Told {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| &**value)
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.fields
            .insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().into(), value.into());
    }
}

/// The spans that the library makes on this thread.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(u64, Told)>>>);

impl Spans {
    fn listen(level: LevelFilter) -> (Self, DefaultGuard) {
        let spans = Self::default();
        let subscriber = Registry::default().with(spans.clone().with_filter(level));
        (spans, tracing::subscriber::set_default(subscriber))
    }

    fn take(&self) -> Vec<Told> {
        let spans = std::mem::take(&mut *self.0.lock().unwrap());
        spans.into_iter().map(|(_, told)| told).collect()
    }

    fn one(&self, name: &str) -> Told {
        let named: Vec<Told> = self
            .take()
            .into_iter()
            .filter(|told| told.name == name)
            .collect();
        assert_eq!(named.len(), 1, "{named:?}");
        named[0].clone()
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if !metadata.target().starts_with("cache_runtime") {
            return;
        }
        let parent = context.span(id).and_then(|span| span.parent());
        let mut told = Told {
            name: metadata.name(),
            parent: parent.map(|parent| parent.name()),
            ..Told::default()
        };
        attributes.record(&mut told);
        self.0.lock().unwrap().push((id.into_u64(), told));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap();
        // An id is used again once its span has closed.
        let span = spans.iter_mut().rfind(|(other, _)| *other == id.into_u64());
        if let Some((_, told)) = span {
            values.record(told);
        }
    }
}

const SECRET: &str = "hunter2";

#[cached(ttl = "1h", key = "told:<id>", cache = cache, skip(cache), name = "told")]
async fn told(cache: &Cache, id: &str) -> Result<String, String> {
    Ok(format!("the value of {id}"))
}

#[cached(
    ttl = "1ms",
    stale = "1h",
    key = "told-stale:<id>",
    cache = cache.clone(),
    skip(cache),
    name = "told_stale"
)]
async fn told_stale(cache: Cache, id: u32) -> u32 {
    id
}

fn memory() -> Cache {
    Cache::new(CacheConfig::default()).unwrap()
}

#[tokio::test]
async fn a_miss_is_a_read_around_a_load_and_a_hit_is_nothing() {
    let cache = memory();
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    told(&cache, SECRET).await.unwrap();
    let spans_of_miss = spans.take();
    let [read, load] = &spans_of_miss[..] else {
        panic!("{spans_of_miss:?}")
    };
    assert_eq!((read.name, read.parent), ("cache.read", None));
    assert_eq!(read.field("cache.function"), Some("told"));
    assert_eq!(read.field("cache.outcome"), Some("miss"));
    assert_eq!(read.field("cache.reason"), Some("Absent"));
    assert_eq!((load.name, load.parent), ("cache.load", Some("cache.read")));
    assert_eq!(load.field("cache.function"), Some("told"));

    told(&cache, SECRET).await.unwrap();
    assert!(spans.take().is_empty());
}

#[tokio::test]
async fn keys_are_told_at_trace_alone_and_values_never() {
    let cache = memory();
    for (level, expected) in [
        (LevelFilter::DEBUG, None),
        (LevelFilter::TRACE, Some("told:hunter2")),
    ] {
        let (spans, _listening) = Spans::listen(level);
        let _ = cache.invalidate_prefix("told:").await;
        told(&cache, SECRET).await.unwrap();
        let _ = cache.delete(told::key(SECRET)).await;
        let spans = spans.take();
        assert_eq!(spans.len(), 4, "{spans:?}");
        for span in spans.iter().filter(|span| span.name != "cache.invalidate") {
            assert_eq!(span.field("cache.key"), expected);
        }
        let text = format!("{spans:?}");
        assert_eq!(text.contains(SECRET), expected.is_some(), "{text}");
        assert!(!text.contains("the value of"), "{text}");
    }
}

#[tokio::test]
async fn a_removal_says_what_came_of_it() {
    let cache = memory();
    told(&cache, "1").await.unwrap();
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    assert_eq!(cache.invalidate_prefix("told:").await.removed, 1);
    let removal = spans.one("cache.invalidate");
    assert_eq!(removal.field("cache.patterns"), Some("1"));
    assert_eq!(removal.field("cache.removed"), Some("1"));
    assert_eq!(removal.field("cache.durability"), Some("durable"));
}

#[tokio::test]
async fn a_refresh_is_no_part_of_the_call_that_began_it() {
    let cache = memory();
    told_stale(cache.clone(), 1).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    told_stale(cache.clone(), 1).await;
    let seen = Mutex::new(Vec::new());
    let loaded = async || {
        seen.lock().unwrap().extend(spans.take());
        let seen = seen.lock().unwrap();
        let load = seen.iter().find(|told| told.name == "cache.load");
        load.cloned()
    };
    let load = eventually(Duration::from_secs(5), "a refresh", loaded).await;
    assert_eq!(load.parent, Some("cache.refresh"));
    let seen = seen.into_inner().unwrap();
    assert_eq!((seen[0].name, seen[0].parent), ("cache.refresh", None));
}

#[tokio::test]
async fn operations_of_redis_have_the_names_that_everybody_knows() {
    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(Duration::from_secs(5));
    let cache = Cache::new(config).unwrap();
    let reached = async || cache.health().await.latency_ms;
    eventually(Duration::from_secs(5), "a connection", reached).await;

    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    told(&cache, SECRET).await.unwrap();
    let stored = async || (cache.stats().stores == 1).then_some(());
    eventually(Duration::from_secs(5), "a store", stored).await;
    // What is done behind a call, and for nobody in particular, is told as well.
    let of_calls = ["GET", "SET", "EVALSHA store"];
    let told_of = |spans: &[Told]| {
        let operations = spans.iter().filter(|span| span.name == "cache.redis");
        let operations = operations.map(|span| {
            assert_eq!(span.field("db.system.name"), Some("redis"));
            assert_eq!(span.field("otel.kind"), Some("client"));
            let name = span.field("db.operation.name").unwrap_or_default();
            assert_eq!(span.field("otel.name"), Some(name));
            let script = span.field("db.stored_procedure.name");
            [name, script.unwrap_or_default()]
                .join(" ")
                .trim()
                .to_owned()
        });
        let of_calls = operations.filter(|operation| of_calls.contains(&&**operation));
        of_calls.collect::<Vec<_>>()
    };
    let of_miss = spans.take();
    assert_eq!(told_of(&of_miss), of_calls);
    assert!(!format!("{of_miss:?}").contains(SECRET));

    told(&cache, SECRET).await.unwrap();
    let of_hit = spans.take();
    assert_eq!(told_of(&of_hit), ["GET"]);
    let read = of_hit
        .iter()
        .find(|span| span.name == "cache.read")
        .unwrap();
    assert_eq!(read.field("cache.outcome"), Some("hit"));
    assert_eq!(read.field("cache.tier"), Some("redis"));
}

/// A subscriber that does not want them costs no allocation.
#[test]
fn nobody_who_does_not_listen_pays() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let cache = memory();
    let call = || drop(runtime.block_on(told(&cache, "1")));
    let hit = || allocation_counter::measure(call).count_total;
    // The memory tier looks at other entries while it takes one in: there are none.
    let miss = || {
        let _ = runtime.block_on(cache.clear());
        hit()
    };
    let fewest = |of: &dyn Fn() -> u64| (0..20).map(|_| of()).min();
    call();
    let silent = (fewest(&hit), fewest(&miss));
    // The key, and the value's own text.
    assert_eq!(silent.0, Some(2));

    let (spans, _listening) = Spans::listen(LevelFilter::INFO);
    assert_eq!((fewest(&hit), fewest(&miss)), silent);
    assert!(spans.take().is_empty());
}
