//! The history that an operator's routes tell. Time is turned by hand.

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use cache_runtime::http::{AdminConfig, admin_router};
use cache_runtime::{Cache, CacheConfig, cached};
use serde_json::{Value, json};
use tokio::runtime;
use tokio::time::sleep;

use crate::client::send;

const TOKEN: &str = "an admin's token of some length";

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn memory() -> Cache {
    Cache::new(CacheConfig::default()).unwrap()
}

fn router(cache: &Cache) -> Router {
    admin_router(AdminConfig::new().cache(cache).admin_token(TOKEN))
}

async fn ask(app: &Router, path: &str) -> (StatusCode, Value) {
    let token = format!("Bearer {TOKEN}");
    let answer = send(app, Method::GET, path, &[("authorization", &token)]).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

async fn told(app: &Router, path: &str) -> Value {
    let (status, body) = ask(app, path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

fn numbers(series: &Value) -> Vec<Option<u64>> {
    let values = series.as_array().expect("a list").iter();
    values.map(Value::as_u64).collect()
}

fn sum(series: &Value) -> u64 {
    numbers(series).into_iter().flatten().sum()
}

#[cached(ttl = "2d", key = "courses:<id>", cache = cache.clone(), skip(cache))]
async fn course(cache: &Cache, id: u32) -> u32 {
    sleep(Duration::from_millis(100)).await;
    id
}

#[tokio::test(start_paused = true)]
async fn the_slots_add_up_to_the_totals_and_the_totals_to_what_was_asked() {
    let cache = memory();
    let app = router(&cache);
    for id in 0..5 {
        for _ in 0..=id {
            course(&cache, id).await;
        }
        sleep(MINUTE).await;
    }
    for range in ["15m", "1h", "6h", "24h"] {
        let history = told(&app, &format!("/cache/history?range={range}")).await;
        assert_eq!(history["instance"], json!(cache.instance()));
        assert_eq!(history["range"], range);
        assert_eq!(history["previous"], Value::Null, "there is none yet");
        let (totals, series) = (&history["current"]["totals"], &history["current"]["series"]);
        for name in ["memory_hits", "misses", "loads", "bypasses", "stale"] {
            assert_eq!(json!(sum(&series[name])), totals[name], "{range} {name}");
        }
        assert_eq!(totals["misses"], 5, "{range}");
        assert_eq!(totals["memory_hits"], 10, "{range}");
        assert_eq!(
            (&totals["calls"], &totals["hits"]),
            (&json!(15), &json!(10))
        );
        assert_eq!(totals["hit_rate_percent"], 66.67);
        assert_eq!(totals["mean_load_ms"], 100.0);
        for name in ["load_p50_ms", "load_p95_ms", "load_p99_ms"] {
            let time = totals[name].as_f64().unwrap();
            assert!((75.0..125.0).contains(&time), "{name}: {time}");
        }
        assert_eq!(totals["redis_p50_ms"], Value::Null);
        let entries = numbers(&series["memory_entries"]);
        assert_eq!(entries.last(), Some(&Some(5)), "{range}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_nobody_looks_is_kept_where_it_happened() {
    let cache = memory();
    let app = router(&cache);
    course(&cache, 1).await;
    sleep(MINUTE * 30).await;
    course(&cache, 2).await;
    sleep(MINUTE * 29).await;
    let history = told(&app, "/cache/history?range=1h").await;
    let misses = numbers(&history["current"]["series"]["misses"]);
    let with_some: Vec<usize> = (0..misses.len())
        .filter(|at| misses[*at] > Some(0))
        .collect();
    // Slots of half a minute; spread over the time without a look there would be none with a whole one.
    assert_eq!(with_some.len(), 2, "{misses:?}");
    assert_eq!(with_some[0], 0, "{misses:?}");
    assert!(
        (59..=61).contains(&(with_some[1] - with_some[0])),
        "{with_some:?}"
    );
    assert!(misses.iter().all(Option::is_some), "{misses:?}");
    let from = history["current"]["from_ms"].as_u64().unwrap();
    let now = history["now_ms"].as_u64().unwrap();
    assert!((59 * 60_000..=59 * 60_000 + 31_000).contains(&(now - from)));
}

#[tokio::test(start_paused = true)]
async fn the_period_before_is_told_as_soon_as_it_is_known() {
    let cache = memory();
    let app = router(&cache);
    sleep(Duration::from_secs(61)).await;
    for id in 100..110 {
        course(&cache, id).await;
    }
    sleep(HOUR).await;
    course(&cache, 110).await;
    sleep(MINUTE * 58).await;
    assert_eq!(told(&app, "/cache/history").await["previous"], Value::Null);
    sleep(Duration::from_secs(90)).await;
    let history = told(&app, "/cache/history").await;
    assert_eq!(history["range"], "1h", "unless another is asked for");
    assert_eq!(history["current"]["totals"]["misses"], 1);
    assert_eq!(history["previous"]["totals"]["misses"], 10);
    sleep(HOUR).await;
    let history = told(&app, "/cache/history").await;
    assert_eq!(history["current"]["totals"]["calls"], 0);
    assert_eq!(
        history["current"]["totals"]["hit_rate_percent"],
        Value::Null
    );
    assert_eq!(history["previous"]["totals"]["misses"], 1);
}

/// The names of the members of an object.
fn names(object: &Value) -> Vec<&String> {
    object.as_object().expect("an object").keys().collect()
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_as_it_is_described() {
    let cache = memory();
    let app = router(&cache);
    sleep(HOUR * 3).await;
    let _ = cache.clear().await;
    let described = told(&app, "/cache/openapi.json").await;
    let properties = |schema: &str| &described["components"]["schemas"][schema]["properties"];
    let history = told(&app, "/cache/history").await;
    assert_eq!(names(&history), names(properties("History")));
    for period in [&history["current"], &history["previous"]] {
        assert_eq!(names(period), names(properties("Period")));
        assert_eq!(names(&period["totals"]), names(properties("Totals")));
        let series = &properties("Period")["series"]["properties"];
        assert_eq!(names(&period["series"]), names(series));
        for values in period["series"].as_object().unwrap().values() {
            assert_eq!(values.as_array().unwrap().len(), 120);
        }
    }
    let event = &properties("History")["events"]["items"];
    assert_eq!(names(&history["events"][0]), names(&event["properties"]));
    let kinds = event["properties"]["what"]["enum"].as_array().unwrap();
    assert!(kinds.contains(&history["events"][0]["what"]));
    let stats = told(&app, "/cache/stats").await;
    assert_eq!(names(&stats), names(properties("Stats")));
    assert_eq!(stats["role"], "admin");
}

#[cached(ttl = "2d", key = "modules:<id>", cache = cache.clone(), skip(cache))]
async fn module(cache: &Cache, id: u32) -> u32 {
    id
}

#[tokio::test(start_paused = true)]
async fn functions_tell_their_course_if_a_range_is_asked_for() {
    let cache = memory();
    let app = router(&cache);
    module(&cache, 1).await;
    sleep(MINUTE * 10).await;
    for _ in 0..3 {
        module(&cache, 1).await;
    }
    sleep(MINUTE).await;
    let of = |functions: &Value| {
        let functions = functions["functions"].as_array().unwrap().iter();
        let found = functions
            .clone()
            .find(|of| of["name"] == "http::history::module");
        found.unwrap().clone()
    };
    let plain = of(&told(&app, "/cache/functions").await);
    assert_eq!(plain.get("period"), None);
    let function = of(&told(&app, "/cache/functions?range=1h").await);
    let period = &function["period"];
    assert_eq!(
        (&period["totals"]["calls"], &period["totals"]["misses"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(period["previous"], Value::Null);
    let calls = numbers(&period["trend"]["calls"]);
    assert_eq!(period["trend"]["step_ms"], 15_000);
    let calls: Vec<_> = calls.into_iter().filter(|calls| *calls > Some(0)).collect();
    assert_eq!(calls, [Some(1), Some(3)]);
    assert_eq!(sum(&period["trend"]["misses"]), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clear_is_on_the_time_line() {
    let cache = memory();
    let app = router(&cache);
    sleep(MINUTE).await;
    let _ = cache.invalidate_prefix("courses:").await;
    let _ = cache.clear().await;
    sleep(MINUTE).await;
    let history = told(&app, "/cache/history?range=15m").await;
    let events = history["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (&events[0]["what"], &events[0]["count"]),
        (&json!("cleared"), &json!(1))
    );
    let ago = history["now_ms"].as_u64().unwrap() - events[0]["at_ms"].as_u64().unwrap();
    assert!((59_000..=61_000).contains(&ago), "{ago} ms");
}

#[tokio::test(start_paused = true)]
async fn a_range_that_there_is_not_and_a_history_that_is_not_kept() {
    let cache = memory();
    let app = router(&cache);
    for path in [
        "/cache/history?range=2h",
        "/cache/functions?range=",
        "/cache/history?range=1h&range=6h",
    ] {
        let (status, body) = ask(&app, path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(
            body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("`range`"),
            "{body}"
        );
    }
    cache.watch(false);
    let (status, body) = ask(&app, "/cache/history").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("watch(false)")
    );
    cache.watch(true);
    assert_eq!(ask(&app, "/cache/history").await.0, StatusCode::OK);
}

/// The routes are built before there is a runtime, and outlive the one that first serves them.
#[test]
fn the_history_goes_on_in_whichever_runtime_serves_the_routes() {
    let cache = memory();
    let app = router(&cache);
    for runtimes in 1..=2 {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let health = send(&app, Method::GET, "/cache/health", &[]).await;
            assert_eq!(health.status, StatusCode::OK);
            sleep(Duration::from_secs(3)).await;
            course(&cache, 1_000 + runtimes).await;
            sleep(MINUTE * 5).await;
            let history = told(&app, "/cache/history?range=15m").await;
            let misses = numbers(&history["current"]["series"]["misses"]);
            let most = misses.iter().flatten().max();
            assert_eq!(most, Some(&1), "kept where it was, not spread: {misses:?}");
        });
    }
}
