//! Names as people have them: with spaces, colons, backslashes, percent signs, and letters beyond ASCII.
//!
//! What the attribute stores under them is removed by the builders that write values as it does, and by text wherever text
//! can mean nothing else.

use cache_runtime::{Cache, CacheConfig, CacheKey, Invalidation, KeyPrefix, Tag, cached};
use cache_tests::RedisServer;

use crate::app::{App, Db, SOON, item};
use crate::said::Said;

/// Everything that a name may hold.
const NAMES: [&str; 12] = [
    "Anna B",
    "o:brien",
    r"corp\shop",
    "100%",
    "a%20b",
    "Zürich 東京",
    "O'Neil, Jr.",
    "*",
    "#7",
    "{x}[y](z)",
    "tab\there",
    "",
];

/// Those that, given as text, mean the same value: in the others a sign separates, or may be a mark of a key's own.
const TEXTS: [&str; 7] = [
    "Anna B",
    "100%",
    "Zürich 東京",
    "*",
    "tab\there",
    "a%20b",
    "c/o b@d",
];

#[cached(ttl = "5m", key = "name:<who>:x", tags = ["author:<who>"], cache = app.cache, skip(app))]
async fn by_name(app: &App, who: &str) -> u64 {
    app.db.read().await
}

async fn apps() -> (RedisServer, App, App) {
    let server = RedisServer::start();
    let db = Db::new(0);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    (server, one, other)
}

/// Each name is stored by one process; a removal by the other takes exactly that one.
async fn each_is_removed(names: &[&str], remove: impl AsyncFn(&Cache, &str) -> Invalidation) {
    let (_server, one, other) = apps().await;
    let db = &one.db;
    for name in names {
        by_name(&one, name).await;
    }
    one.has_stored(names.len() as u64).await;
    for (round, name) in names.iter().enumerate() {
        let value = round as u64 + 1;
        db.commit(value);
        let removed = remove(&other.cache, name).await;
        assert!(removed.is_durable());
        assert_eq!(removed.removed, 1, "`{name}` and nothing else");
        let reads = db.reads();
        assert_eq!(by_name(&other, name).await, value, "`{name}`");
        assert_eq!(db.reads(), reads + 1);
    }
}

#[tokio::test]
async fn values_given_to_the_builders_remove_what_the_attribute_stored() {
    each_is_removed(&NAMES, async |cache, name| {
        cache.invalidate_tag(Tag::of("author").segment(name)).await
    })
    .await;
    each_is_removed(&NAMES, async |cache, name| {
        cache
            .invalidate_prefix(KeyPrefix::of("name").segment(name))
            .await
    })
    .await;
    each_is_removed(&NAMES, async |cache, name| {
        cache
            .delete(CacheKey::of("name").segment(name).segment("x"))
            .await
    })
    .await;
}

#[tokio::test]
async fn text_removes_what_the_attribute_stored() {
    each_is_removed(&TEXTS, async |cache, name| {
        cache.invalidate_tag(format!("author:{name}")).await
    })
    .await;
    each_is_removed(&TEXTS, async |cache, name| {
        cache.invalidate_prefix(format!("name:{name}:")).await
    })
    .await;
    each_is_removed(&TEXTS, async |cache, name| {
        cache.delete(format!("name:{name}:x")).await
    })
    .await;
}

/// Signs that a value never shows, and that no text needs to say something else.
#[tokio::test]
async fn text_with_other_signs_removes_what_the_attribute_stored_too() {
    let names = ["O'Neil", r"corp\shop", "Smith, Jr.", "yes!", "a=b", "#7"];
    each_is_removed(&names, async |cache, name| {
        cache.invalidate_tag(format!("author:{name}")).await
    })
    .await;
    each_is_removed(&names, async |cache, name| {
        cache.invalidate_prefix(format!("name:{name}:")).await
    })
    .await;
}

#[tokio::test]
async fn text_removes_what_was_stored_by_text() {
    let (_server, one, other) = apps().await;
    for name in [
        "report 2024",
        "a:b",
        r"a\b",
        "50%",
        "größe",
        "O'Neil",
        "x,y",
    ] {
        let key = format!("{name}:summary");
        one.cache.set(&key, &1_u64, SOON).await.unwrap();
        assert_eq!(other.cache.get::<u64>(&key).await, Some(1), "{key}");
        let removed = other.cache.invalidate_prefix(format!("{name}:")).await;
        assert_eq!((removed.removed, removed.is_durable()), (1, true), "{key}");
        assert_eq!(other.cache.get::<u64>(&key).await, None, "{key}");
    }
}

#[tokio::test]
async fn a_pattern_that_no_key_can_match_is_refused_with_the_one_that_is_meant() {
    let (_server, one, other) = apps().await;
    by_name(&one, "Anna B").await;
    one.has_stored(1).await;
    for (pattern, meant) in [
        ("name:Anna B:", "name:Anna%20B:"),
        ("#author:Anna B", "#author:Anna%20B"),
        ("name:100%:", "name:100%25:"),
        ("rate:5%", "rate:5%25"),
        ("rate:%20:5%:%2", "rate:%20:5%25:%252"),
    ] {
        let refused = other.cache.invalidate_pattern(pattern).await.unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(meant), "`{pattern}`: {text}");
    }
    let removed = other.cache.invalidate_pattern("name:Anna%20B:").await;
    assert_eq!(removed.unwrap().removed, 1);
}

#[tokio::test]
async fn a_namespace_may_hold_a_backslash() {
    for namespace in [r"corp\shop", "größe", "a*b[c]", "50%"] {
        let server = RedisServer::start();
        let db = Db::new(1);
        let config = || {
            CacheConfig::default()
                .redis_url(server.url())
                .namespace(namespace)
                .budget(SOON)
        };
        let Ok(_) = Cache::new(config().without_redis()) else {
            // Refused at the start: said aloud, and nothing is half right.
            assert_ne!(namespace, r"corp\shop");
            continue;
        };
        let one = App::connected(config(), &db).await;
        let other = App::connected(config(), &db).await;
        for id in 0..10 {
            item(&one, id).await;
        }
        one.has_stored(10).await;
        let text = format!("{namespace}:item:3");
        assert!(server.keys().contains(&text), "{:?}", server.keys());
        db.commit(2);
        assert_eq!(other.cache.invalidate_prefix("item:3").await.removed, 1);
        assert_eq!(other.cache.delete("item:4").await.removed, 1);
        assert_eq!(other.cache.invalidate_tag("shelf:5").await.removed, 1);
        assert_eq!((item(&other, 3).await, item(&other, 6).await), (2, 1));
        other.has_stored(1).await;
        assert_eq!(other.cache.clear().await.removed, 8);
        assert_eq!(server.entries(), [""; 0]);
        assert_eq!(item(&other, 6).await, 2);
    }
}

struct Shelf<T>(std::marker::PhantomData<T>);

impl<T> Shelf<T> {
    #[cached(key = "shelf_of:<id>", cache = cache, skip(cache))]
    async fn bytes(&self, cache: &Cache, id: u32) -> usize {
        size_of::<T>() * id as usize
    }
}

/// Whoever names such a key by hand must know that it is longer than it reads.
#[tokio::test]
async fn a_key_that_ends_with_a_type_is_told_once() {
    let (said, _guard) = Said::listen();
    let cache = Cache::new(CacheConfig::default()).unwrap();
    for _ in 0..2 {
        let (small, large) = (
            Shelf::<u8>(Default::default()),
            Shelf::<u64>(Default::default()),
        );
        assert_eq!(
            (small.bytes(&cache, 2).await, large.bytes(&cache, 2).await),
            (2, 16)
        );
    }
    assert_eq!(said.mentions("put `<Self>` into the key"), 1);
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.memory_hits), (2, 2));
}
