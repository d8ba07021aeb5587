//! `invalidate` and `clear`.

use cache_tests::RedisServer;

use crate::program::{cachectl, cachectl_with};
use crate::store::Store;

async fn shop() -> (RedisServer, Store) {
    let server = RedisServer::start();
    let store = Store::on(&server, "shop").await;
    for key in [
        "jobs:list:0",
        "jobs:list:1",
        "jobs:stats",
        "jobs:statsx",
        "user:1:roles",
        "user:10:roles",
        "user:1",
    ] {
        store.set(key, "x").await;
    }
    store.article(1, 7).await;
    store.article(2, 7).await;
    store.article(3, 8).await;
    store.is_catalogued(10).await;
    (server, store)
}

#[tokio::test]
async fn a_dry_run_counts_exactly_what_is_removed_then_and_removes_nothing() {
    let (server, store) = shop().await;
    // By name, an entry is found that the catalogue lacks.
    server.cli(&["ZREM", "shop:%catalogue", "kuser:1"]);
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    for (pattern, count) in [
        ("jobs:list:", 2),
        ("jobs:stats", 1),
        ("user:*:roles", 2),
        ("=user:1", 1),
        ("=user:1:roles", 0),
        ("#author:7", 2),
        ("nothing:", 0),
    ] {
        let before = server.entries();
        let dry = cachectl_with(&variables, &["invalidate", pattern, "--dry-run", "--json"]).await;
        let dry = dry.ends_with(0).json();
        assert_eq!(
            (&dry["matching"], &dry["fresh"]),
            (&count.into(), &count.into()),
            "{pattern}"
        );
        assert_eq!(server.entries(), before, "a dry run of {pattern}");
        let done = cachectl_with(&variables, &["invalidate", pattern, "--json"]).await;
        let done = done.ends_with(0).json();
        assert_eq!(
            (&done["removed"], &done["durability"]),
            (&count.into(), &"durable".into()),
            "{pattern}"
        );
        assert_eq!(server.entries().len(), before.len() - count, "{pattern}");
    }
    assert_eq!(
        store.cache.get::<String>("jobs:statsx").await.as_deref(),
        Some("x")
    );
    assert_eq!(
        store.cache.get::<String>("jobs:list:0").await,
        None,
        "another process knows of it"
    );
    let text = cachectl_with(&variables, &["invalidate", "jobs:statsx"]).await;
    assert_eq!(text.ends_with(0).stdout, "removed 1 entry\n");
}

#[tokio::test]
async fn a_pattern_that_covers_everything_is_refused_with_a_pointer_to_clear() {
    let (server, _store) = shop().await;
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    for pattern in ["*", "**", "*:*", "#*", "*:", ":*", ":"] {
        for arguments in [
            &["invalidate", pattern][..],
            &["invalidate", pattern, "--dry-run"],
        ] {
            let ran = cachectl_with(&variables, arguments).await;
            ran.ends_with(2)
                .says(&["covers everything", "cachectl clear"]);
        }
    }
    for pattern in ["", "a b", "a?", "a[1]", "#a*b"] {
        cachectl_with(&variables, &["invalidate", pattern])
            .await
            .ends_with(2);
    }
    assert_eq!(server.entries().len(), 10);
}

#[tokio::test]
async fn clear_needs_consent_and_removes_its_own_namespace_only() {
    let (server, _store) = shop().await;
    let other = Store::on(&server, "other").await;
    other.set("a", "x").await;
    server.cli(&["SET", "shop:foreign", "theirs"]);
    let variables = [("REDIS_URL", &*server.url()), ("CACHE_NAMESPACE", "shop")];
    let refused = cachectl_with(&variables, &["clear"]).await;
    refused
        .ends_with(2)
        .says(&["no terminal to ask on", "about 10 entries", "--yes"]);
    assert_eq!(server.entries().len(), 12);
    let json = cachectl_with(&variables, &["clear", "--json"]).await;
    assert_eq!(json.ends_with(2).json()["exit_code"], 2);
    assert_eq!(server.entries().len(), 12);
    let done = cachectl_with(&variables, &["clear", "--yes"]).await;
    assert_eq!(done.ends_with(0).stdout, "removed 10 entries\n");
    assert_eq!(server.entries(), ["other:a", "shop:foreign"]);
}

#[tokio::test]
async fn a_removal_that_is_not_acknowledged_is_no_success() {
    let server = RedisServer::builder()
        .acl("app", crate::program::SECRET, "~* &* +@all -zadd")
        .start();
    server.cli(&["ZADD", "%ledger", "0", "b0123456789abcdef"]);
    let url = server.url_as("app", crate::program::SECRET);
    let ran = cachectl(&url, &["invalidate", "jobs:"]).await;
    ran.ends_with(1)
        .says(&["not acknowledged", "cachectl doctor"]);
}

#[tokio::test]
async fn the_journal_of_other_processes_is_left_alone() {
    let (server, _store) = shop().await;
    // A cache that used it would fail to start.
    let no_directory = tempfile::NamedTempFile::new().unwrap();
    let variables = [
        ("REDIS_URL", &*server.url()),
        ("CACHE_NAMESPACE", "shop"),
        ("CACHE_JOURNAL", no_directory.path().to_str().unwrap()),
    ];
    let ran = cachectl_with(&variables, &["invalidate", "jobs:"]).await;
    ran.ends_with(0);
}
