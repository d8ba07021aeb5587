//! The operations that a program calls by name, against a server: what they ask it, and what becomes of them when it does
//! not answer.

use std::time::Duration;

use cache_runtime::{CacheConfig, CacheKey, Tag, cached};
use cache_tests::{Fault, FaultProxy, RedisServer, eventually};

use crate::app::{App, Db, SOON};

const LIFE: Duration = Duration::from_secs(600);

fn keys(numbers: std::ops::Range<u32>) -> Vec<CacheKey> {
    numbers
        .map(|number| CacheKey::new(&format!("k:{number}")))
        .collect()
}

#[cached(ttl = "5m", key = "large:<id>", tags = ["group:<group>"], near = false, cache = app.cache, skip(app, group))]
async fn large(app: &App, id: u32, group: &str) -> String {
    format!("{id} {group} {}", app.db.read().await).repeat(10_000)
}

#[tokio::test]
async fn whether_a_key_exists_is_answered_without_its_value() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    // Its tags alone are longer than what is asked for first.
    let group = "g".repeat(90);
    large(&app, 1, &group).await;
    app.has_stored(1).await;
    server.cli(&["CONFIG", "RESETSTAT"]);
    assert!(app.cache.exists("large:1").await);
    assert!(!app.cache.exists("large:2").await);
    let asked = server.cli(&["INFO", "commandstats"]).str().to_owned();
    assert!(!asked.contains("cmdstat_get:"), "{asked}");
    let sent = server.cli(&["INFO", "stats"]).str().to_owned();
    let bytes: u64 = sent
        .lines()
        .find_map(|line| line.strip_prefix("total_net_output_bytes:"))
        .and_then(|bytes| bytes.trim().parse().ok())
        .unwrap();
    assert!(bytes < 50_000, "{bytes} bytes were sent");
    let tag = Tag::of("group").segment(&group);
    assert!(app.cache.invalidate_tag(tag).await.is_durable());
    assert!(!app.cache.exists("large:1").await, "removed by its tag");
}

#[tokio::test]
async fn whether_a_key_exists_is_answered_in_an_outage_as_a_read_is() {
    let server = RedisServer::start();
    let most = Duration::from_millis(500);
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(SOON)
        .outage_max_age(most);
    let app = App::connected(config, &Db::new(1)).await;
    server.kill9();
    app.has_lost_redis().await;
    let began = std::time::Instant::now();
    app.cache.set("a", &1_u64, LIFE).await.unwrap();
    if !app.cache.exists("a").await {
        assert!(began.elapsed() > most, "younger than that, it is served");
    }
    eventually(SOON, "the copy to be too old", async || {
        app.cache.get::<u64>("a").await.is_none().then_some(())
    })
    .await;
    assert!(!app.cache.exists("a").await);
}

#[tokio::test]
async fn whether_a_key_exists_waits_for_the_first_connection_as_a_read_does() {
    let server = RedisServer::start();
    let other = App::on(&server, &Db::new(1)).await;
    other.cache.set("a", &1_u64, LIFE).await.unwrap();
    let config = CacheConfig::default().redis_url(server.url()).budget(SOON);
    let app = App::with(config, &Db::new(1));
    assert!(app.cache.exists("a").await);
}

#[cached(
    ttl = "5m", key = "crowded:<id>", cache = app.cache, skip(app, text),
    tags = [
        "t0:<text>", "t1:<text>", "t2:<text>", "t3:<text>", "t4:<text>", "t5:<text>", "t6:<text>", "t7:<text>", "t8:<text>",
        "t9:<text>", "t10:<text>", "t11:<text>", "t12:<text>", "t13:<text>", "t14:<text>", "t15:<text>"
    ]
)]
async fn crowded(app: &App, id: u32, text: &str) -> u64 {
    app.db.read().await + u64::from(id)
}

#[tokio::test]
async fn what_has_more_tags_than_are_asked_for_first_exists_until_it_is_removed() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    let text = "t".repeat(90);
    crowded(&app, 1, &text).await;
    app.has_stored(1).await;
    assert!(app.cache.exists("crowded:1").await);
    let tag = Tag::of("t15").segment(&text);
    assert!(app.cache.invalidate_tag(tag).await.is_durable());
    assert!(!app.cache.exists("crowded:1").await);
}

#[tokio::test]
async fn many_values_are_stored_and_read_in_few_round_trips() {
    let server = RedisServer::start();
    let (app, proxy) = App::behind_proxy(&server, &Db::new(1)).await;
    let near = App::on(&server, &app.db).await;
    proxy.set(Fault::Delay(Duration::from_millis(50)));
    // One by one they would take more than a minute.
    let keys = keys(0..1_000);
    let pairs: Vec<(CacheKey, u32)> = keys.iter().cloned().zip(0..).collect();
    let both = async {
        app.cache.set_many(&pairs, LIFE).await.unwrap();
        app.cache.get_many::<u32>(&keys).await
    };
    let values = tokio::time::timeout(2 * SOON, both)
        .await
        .expect("few round trips");
    assert!(values.into_iter().eq((0..1_000).map(Some)));
    let values = near.cache.get_many::<u32>(&keys).await;
    assert!(values.into_iter().eq((0..1_000).map(Some)), "in Redis");
}

#[tokio::test]
async fn values_before_one_that_cannot_be_stored_are_stored() {
    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(SOON)
        .max_value_bytes(100);
    let app = App::connected(config, &Db::new(1)).await;
    let mut pairs: Vec<(CacheKey, String)> = keys(0..3)
        .into_iter()
        .map(|key| (key, "short".to_owned()))
        .collect();
    pairs[1].1 = "long".repeat(100);
    let error = app.cache.set_many(&pairs, LIFE).await.unwrap_err();
    assert!(
        error.to_string().contains("CACHE_MAX_VALUE_BYTES"),
        "{error}"
    );
    let values = app.cache.get_many::<String>(&keys(0..3)).await;
    assert_eq!(values, [Some("short".to_owned()), None, None]);
}

#[tokio::test]
async fn values_put_while_redis_is_silent_do_not_become_a_removal_of_everything() {
    const BOUND: usize = 20;
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let db = Db::new(1);
    let other = App::on(&server, &db).await;
    other.cache.set("kept", &1_u32, LIFE).await.unwrap();
    let config = CacheConfig::default()
        .redis_url(proxy.url())
        .budget(Duration::from_millis(20))
        .journal_bound(BOUND);
    let app = App::connected(config, &db).await;
    proxy.set(Fault::BlackHole);
    for key in keys(0..100) {
        app.cache.set(key, &2_u32, LIFE).await.unwrap();
    }
    assert!(
        app.cache.journal_len() <= BOUND / 2,
        "{}",
        app.cache.journal_len()
    );
    assert!(!app.cache.delete("gone").await.is_durable());
    proxy.set(Fault::Pass);
    app.reaches_redis().await;
    cache_tests::eventually(SOON, "the journal to be replayed", async || {
        (app.cache.journal_len() == 0).then_some(())
    })
    .await;
    assert_eq!(other.cache.get::<u32>("kept").await, Some(1));
}

#[tokio::test]
async fn closing_does_not_wait_for_a_dead_server() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(1)).await;
    server.kill9();
    app.has_lost_redis().await;
    assert!(!app.cache.delete("k").await.is_durable());
    let closing = app.cache.close(20 * SOON);
    tokio::time::timeout(SOON, closing).await.expect("no hope");
}

#[tokio::test]
async fn closing_does_not_wait_for_a_frozen_server() {
    let server = RedisServer::start();
    let config = CacheConfig::default()
        .redis_url(server.url())
        .budget(Duration::from_millis(50))
        .command_timeout(20 * SOON)
        .connect_timeout(20 * SOON);
    let app = App::connected(config, &Db::new(1)).await;
    server.freeze();
    assert!(!app.cache.delete("k").await.is_durable());
    let closing = app.cache.close(20 * SOON);
    tokio::time::timeout(SOON, closing).await.expect("no hope");
    server.thaw();
}
