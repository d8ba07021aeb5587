//! One entry, as an operator's route tells it, and who may see its value.

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use cache_runtime::http::{AdminConfig, CachedJson, admin_router};
use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::send;

const ADMIN: &str = "an admin's token of some length";
const SUPER: &str = "a super admin's token of some length";

const SOON: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Book {
    title: String,
    pages: u32,
}

#[cached(ttl = "10m", none_ttl = "5m", key = "books:<id>", tags = ["author:<author>"], cache = cache.clone(), skip(cache, author))]
async fn book(cache: &Cache, id: u32, author: u32) -> Option<Book> {
    (id > 0).then(|| Book {
        title: format!("Book {id}"),
        pages: 100 + id,
    })
}

#[cached(ttl = "10m", key = "text:<id>", cache = cache.clone(), skip(cache))]
async fn book_as_text(cache: &Cache, id: u32) -> CachedJson<Book> {
    let title = format!("Book {id}");
    CachedJson::new(Book { title, pages: 100 })
}

fn router(cache: &Cache) -> Router {
    admin_router(
        AdminConfig::new()
            .cache(cache)
            .admin_token(ADMIN)
            .super_admin_token(SUPER),
    )
}

async fn ask(app: &Router, query: &str, token: &str) -> (StatusCode, Value) {
    let (path, token) = (format!("/cache/entry?{query}"), format!("Bearer {token}"));
    let answer = send(app, Method::GET, &path, &[("authorization", &token)]).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

async fn told(app: &Router, query: &str, token: &str) -> Value {
    let (status, body) = ask(app, query, token).await;
    assert_eq!(status, StatusCode::OK, "{query}: {body}");
    body
}

async fn connected(redis: &RedisServer) -> Cache {
    let config = CacheConfig::default()
        .redis_url(redis.url())
        .namespace("shelf")
        .budget(SOON);
    let cache = Cache::new(config).unwrap();
    eventually(SOON, "a connection", async || {
        cache.health().await.latency_ms.map(drop)
    })
    .await;
    cache
}

/// Until the store, which goes on after its call, has arrived.
async fn stored(app: &Router, key: &str) -> Value {
    eventually(SOON, "the entry", async || {
        let look = told(app, &format!("key={key}"), ADMIN).await;
        (look["state"] == "fresh").then_some(look)
    })
    .await
}

#[tokio::test]
async fn an_entry_in_redis_is_told_with_everything_but_its_value() {
    let redis = RedisServer::start();
    let cache = connected(&redis).await;
    let app = router(&cache);
    book(&cache, 7, 3).await;
    let look = stored(&app, "books:7").await;
    assert_eq!(look["key"], "books:7");
    assert_eq!(look["in_redis"], true);
    assert_eq!(look["tags"], json!(["author:3"]));
    assert_eq!(look["ttl_ms"], 600_000);
    let number = |name: &str| {
        look[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {look}"))
    };
    assert!(number("age_ms") < 60_000);
    assert_eq!(number("age_ms") + number("ttl_left_ms"), 600_000);
    let length = redis.cli(&["STRLEN", "shelf:books:7"]).int();
    assert_eq!(number("size_bytes"), u64::try_from(length).unwrap());
    assert_eq!(look["codec"], "bincode");
    let path = "/cache/openapi.json";
    let described = send(&app, Method::GET, path, &[]).await.body;
    let described: Value = serde_json::from_str(&described).unwrap();
    let described = &described["components"]["schemas"]["Entry"]["required"];
    for name in described.as_array().unwrap() {
        assert!(look.get(name.as_str().unwrap()).is_some(), "{name}");
    }
    assert_eq!(
        look.as_object().unwrap().len(),
        described.as_array().unwrap().len()
    );
    assert_eq!(look.get("value"), None);

    let (status, body) = ask(&app, "key=books:7&value=true", ADMIN).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    assert!(!body.to_string().contains("Book"));
}

#[tokio::test]
async fn a_super_admin_sees_the_value_decoded_where_its_type_is_known() {
    let redis = RedisServer::start();
    let cache = connected(&redis).await;
    let app = router(&cache);
    book(&cache, 7, 3).await;
    stored(&app, "books:7").await;
    // The second call takes it from Redis, and keeps a copy in memory.
    book(&cache, 7, 3).await;
    let look = eventually(SOON, "a copy in memory", async || {
        let look = told(&app, "key=books:7&value=true", SUPER).await;
        (look["in_memory"] == true).then_some(look)
    })
    .await;
    let value = &look["value"];
    assert_eq!(
        (&value["form"], &value["cut"]),
        (&json!("json"), &json!(false))
    );
    let decoded: Book = serde_json::from_str(value["text"].as_str().unwrap()).unwrap();
    assert_eq!((decoded.title.as_str(), decoded.pages), ("Book 7", 107));

    // Another process has no copy, and bincode does not say what it contains.
    let other = connected(&redis).await;
    let look = told(&router(&other), "key=books:7&value=true", SUPER).await;
    assert_eq!(
        (&look["in_memory"], &look["value"]["form"]),
        (&json!(false), &json!("hex"))
    );
    let hex = look["value"]["text"].as_str().unwrap();
    assert!(
        hex.contains(
            &"Book 7"
                .bytes()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        )
    );

    book(&cache, 0, 3).await;
    let look = stored(&app, "books:0").await;
    assert_eq!(look["state"], "fresh");
    let look = told(&app, "key=books:0&value=true", SUPER).await;
    assert_eq!(look["value"]["form"], "none", "a cached absence");
}

#[tokio::test]
async fn what_is_no_entry_is_told_as_what_it_is() {
    let redis = RedisServer::start();
    let cache = connected(&redis).await;
    let app = router(&cache);
    let state = async |key: &str| {
        let look = told(&app, &format!("key={key}&value=true"), SUPER).await;
        assert_eq!(look.get("value"), None, "{key}");
        (
            look["state"].as_str().unwrap().to_owned(),
            look["in_redis"].clone(),
        )
    };
    assert_eq!(state("nobody").await, ("absent".into(), json!(false)));
    redis.cli(&["SET", "shelf:text", "of somebody else"]);
    assert_eq!(state("text").await, ("foreign".into(), json!(true)));
    redis.cli(&["LPUSH", "shelf:list", "1"]);
    assert_eq!(state("list").await, ("foreign".into(), json!(true)));
    // Longer than any value of this cache. Reading it would keep the connection of all calls busy.
    redis.cli(&["SETRANGE", "shelf:long", "2000000", "x"]);
    let read = |redis: &RedisServer| redis.commandstats().get("get").copied();
    let before = read(&redis);
    assert_eq!(state("long").await, ("foreign".into(), json!(true)));
    let look = told(&app, "key=long", ADMIN).await;
    assert_eq!(look["size_bytes"], 2_000_001);
    assert_eq!(
        read(&redis),
        before,
        "its length was asked for, and no more"
    );
    cache
        .set("old", &1, Duration::from_millis(1))
        .await
        .unwrap();
    eventually(SOON, "its end", async || {
        let look = told(&app, "key=old", SUPER).await;
        (look["state"] == "absent").then_some(())
    })
    .await;
    let (status, _) = ask(&app, "value=true", SUPER).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "without a key");
    let (status, _) = ask(&app, "key=a&value=perhaps", SUPER).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_redis_memory_is_looked_at_and_a_long_value_is_cut_unless_all_is_asked_for() {
    let cache = Cache::new(CacheConfig::default()).unwrap();
    let app = router(&cache);
    let long = "word ".repeat(10_000);
    let minute = Duration::from_secs(60);
    cache.set("a long text", &long, minute).await.unwrap();
    // As it was written, and as it is in keys.
    for key in ["a%20long%20text", "a%2520long%2520text"] {
        let look = told(&app, &format!("key={key}&value=true"), SUPER).await;
        assert_eq!(look["state"], "fresh", "{key}");
        assert_eq!(
            (&look["in_memory"], &look["in_redis"]),
            (&json!(true), &Value::Null)
        );
        assert_eq!(
            (&look["ttl_ms"], &look["codec"]),
            (&json!(60_000), &Value::Null)
        );
        let value = &look["value"];
        assert_eq!(value["cut"], true);
        assert!(value["text"].as_str().unwrap().len() <= 16 * 1024);
    }
    let look = told(&app, "key=a%20long%20text&value=true&full=true", SUPER).await;
    assert_eq!(look["value"]["cut"], false);
    assert_eq!(look["value"]["text"], json!(long).to_string());
    book_as_text(&cache, 3).await;
    let look = told(&app, "key=text:3&value=true", SUPER).await;
    let told_book: Book = serde_json::from_str(look["value"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(told_book.title, "Book 3");
    let before = cache.stats();
    told(&app, "key=a%20long%20text", ADMIN).await;
    assert_eq!(cache.stats(), before, "looking is not counted");
}
