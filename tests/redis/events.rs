//! `on_event`: calls, removals, and the loss and return of Redis are told to the listener of the process.
//!
//! A process has one listener, and the tests of this program may share a process, so this is one test.

use std::sync::Mutex;
use std::time::Duration;

use cache_runtime::{
    CacheEvent, Durability, HitTier, Invalidation, Status, cached, deferred, on_event,
};
use cache_tests::{RedisServer, eventually};

use crate::app::{App, Db, SOON};

static CALLS: Mutex<Vec<(Status, Option<HitTier>, bool)>> = Mutex::new(Vec::new());
static REMOVALS: Mutex<Vec<(String, Invalidation)>> = Mutex::new(Vec::new());
static REDIS: Mutex<Vec<bool>> = Mutex::new(Vec::new());

fn listen(event: CacheEvent<'_>) {
    match event {
        CacheEvent::Call(call) if call.function.is_some_and(|name| name.ends_with("told")) => {
            CALLS
                .lock()
                .unwrap()
                .push((call.status, call.tier, call.stored));
        }
        CacheEvent::Removal(patterns, invalidation) => {
            for pattern in patterns {
                let text = pattern.to_string();
                if text.contains("told:") {
                    REMOVALS.lock().unwrap().push((text, invalidation));
                }
            }
        }
        CacheEvent::RedisLost => REDIS.lock().unwrap().push(false),
        CacheEvent::RedisConnected => REDIS.lock().unwrap().push(true),
        _ => {}
    }
    assert!(event_is_harmless(&event), "a panic of the listener");
}

fn event_is_harmless(event: &CacheEvent<'_>) -> bool {
    !matches!(event, CacheEvent::Call(call) if call.function.is_some_and(|name| name.ends_with("told")))
}

#[cached(ttl = "1h", key = "told:<id>", cache = app.cache, skip(app))]
async fn told(app: &App, id: u32) -> u32 {
    id
}

#[cached(invalidates = ["told:<id>", "#told:<id>"], cache = app.cache, skip(app))]
async fn change(app: &App, id: u32) {}

fn removals() -> Vec<(String, Durability)> {
    let removals = REMOVALS.lock().unwrap().split_off(0);
    removals
        .into_iter()
        .map(|(pattern, made)| (pattern, made.durability))
        .collect()
}

#[tokio::test]
async fn calls_removals_and_the_state_of_redis_are_told_and_panics_of_the_listener_are_caught() {
    on_event(listen).unwrap();
    let error = on_event(|_| {}).unwrap_err().to_string();
    assert!(error.contains("called twice"), "{error}");

    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    assert!(REDIS.lock().unwrap().contains(&true));
    told(&app, 1).await;
    app.has_stored(1).await;
    eventually(SOON, "a hit in memory", async || {
        told(&app, 1).await;
        let calls = CALLS.lock().unwrap();
        (calls.last() == Some(&(Status::Hit, Some(HitTier::Memory), false))).then_some(())
    })
    .await;
    let calls = CALLS.lock().unwrap().split_off(0);
    assert_eq!(calls[0], (Status::Miss, None, true));
    assert_eq!(calls[1], (Status::Hit, Some(HitTier::Redis), false));

    change(&app, 1).await;
    let both = ["told:1", "#told:1"].map(|pattern| (pattern.to_owned(), Durability::Durable));
    assert_eq!(removals(), both);
    deferred(async {
        change(&app, 2).await;
        assert_eq!(removals(), [], "not before the commit");
        Ok::<_, ()>(())
    })
    .await
    .unwrap();
    assert_eq!(removals().len(), 2);
    let _: Result<(), ()> = deferred(async {
        change(&app, 2).await;
        Err(())
    })
    .await;
    assert_eq!(removals(), [], "rolled back");

    let lost = REDIS.lock().unwrap().len();
    server.kill9();
    eventually(SOON, "the loss", async || {
        REDIS.lock().unwrap().get(lost).copied()
    })
    .await;
    assert!(!REDIS.lock().unwrap()[lost]);
    change(&app, 3).await;
    assert_eq!(removals()[0], ("told:3".to_owned(), Durability::Queued));
    server.restart();
    let returned = async || {
        let redis = REDIS.lock().unwrap();
        redis[lost..].contains(&true).then_some(())
    };
    eventually(Duration::from_secs(60), "the return", returned).await;
    assert_eq!(told(&app, 3).await, 3);
}
