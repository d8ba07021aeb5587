//! What is cached, for how long, and what is not.

use std::sync::Arc;

use articles::page::Page;
use axum::http::StatusCode;

use crate::desk::{Desk, cached, test};

/// Every read, the key of its entry, and its lifetime in seconds.
const READS: [(&str, &str, u32); 5] = [
    ("/articles?skip=20&limit=5", "articles:list:20:5", 60),
    ("/articles/17", "articles:17", 300),
    (
        "/articles/by-slug/How-we-test-backups-in-banking",
        SLUG_KEY,
        300,
    ),
    ("/users/3", "users:3", 600),
    ("/tags", "tags", 300),
];

const SLUG_KEY: &str = "articles:slug:how-we-test-backups-in-banking";

#[test]
fn every_read_misses_once_and_then_hits() {
    test(async |desk| {
        for (path, key, seconds) in READS {
            let _ = cache_runtime::cache().clear().await;
            let miss = desk.get(path).await;
            assert_eq!(
                (miss.status, miss.x_cache()),
                (StatusCode::OK, "MISS"),
                "{path}"
            );
            let lifetime = format!("ttl={seconds};");
            assert!(
                miss.header("cache-status").contains(&lifetime),
                "{path}: {miss:?}"
            );
            assert_eq!(cached(&[key]).await, [key], "{path}");
            for _ in 0..2 {
                let hit = desk.get(path).await;
                assert_eq!(
                    (hit.status, hit.x_cache()),
                    (StatusCode::OK, "HIT"),
                    "{path}"
                );
                assert_eq!(hit.body, miss.body, "{path}");
            }
        }
    });
}

/// The header could lie; a row that was changed in the meantime does not.
#[test]
fn a_hit_does_not_ask_the_database() {
    test(async |desk| {
        for (path, _, _) in READS {
            let before = desk.get(path).await.body;
            desk.behind_its_back(
                "UPDATE users SET name = name || '!'; UPDATE articles SET title = title || '!'; \
                 DELETE FROM article_tags WHERE tag = 'maps' AND article_id = \
                 (SELECT MAX(article_id) FROM article_tags WHERE tag = 'maps')",
            )
            .await;
            assert_eq!(desk.get(path).await.body, before, "{path}");
            let _ = cache_runtime::cache().clear().await;
            assert_ne!(desk.get(path).await.body, before, "{path}");
        }
    });
}

#[test]
fn pages_do_not_answer_for_each_other() {
    test(async |desk| {
        desk.get("/articles").await;
        for other in ["skip=20", "limit=10", "skip=2&limit=20", "limit=2"] {
            let page = desk.get(&format!("/articles?{other}")).await;
            assert_eq!(
                (page.status, page.x_cache()),
                (StatusCode::OK, "MISS"),
                "{other}"
            );
        }
        for same in [
            "",
            "?skip=0",
            "?limit=20",
            "?limit=20&skip=0&utm_source=letter",
        ] {
            let page = desk.get(&format!("/articles{same}")).await;
            assert_eq!(page.x_cache(), "HIT", "{same}");
        }
    });
}

#[test]
fn what_is_not_there_is_asked_for_again() {
    test(async |desk| {
        for path in ["/articles/987654", "/users/987654"] {
            for _ in 0..2 {
                let absent = desk.get(path).await;
                assert_eq!(absent.status, StatusCode::NOT_FOUND, "{path}");
                assert_eq!(
                    (absent.x_cache(), absent.error_code()),
                    ("MISS", "not_found")
                );
            }
        }
        assert!(
            cached(&["articles:987654", "users:987654"])
                .await
                .is_empty()
        );
        // Nobody tells the cache, and nobody has to.
        desk.behind_its_back("INSERT INTO users VALUES (987654, 'New', 'Just here.')")
            .await;
        let found = desk.get("/users/987654").await;
        assert_eq!(
            (found.status, &found.body["name"]),
            (StatusCode::OK, &"New".into())
        );
    });
}

#[test]
fn that_no_article_has_this_name_is_remembered_for_a_while() {
    test(async |desk| {
        let path = "/articles/by-slug/no-such-name";
        let first = desk.get(path).await;
        assert_eq!(
            (first.status, first.x_cache()),
            (StatusCode::NOT_FOUND, "MISS")
        );
        assert!(
            first.header("cache-status").contains("ttl=30;"),
            "{first:?}"
        );
        let second = desk.get(path).await;
        assert_eq!(
            (second.status, second.x_cache()),
            (StatusCode::NOT_FOUND, "HIT")
        );
        // As other people would type it.
        assert_eq!(
            desk.get("/articles/by-slug/No%20such%20name")
                .await
                .x_cache(),
            "HIT"
        );
    });
}

#[test]
fn ten_at_once_are_one_load() {
    test(async |desk| {
        let ask = |desk: Desk| tokio::spawn(async move { desk.get("/tags").await });
        let crowd: Vec<_> = (0..10).map(|_| ask(desk.clone())).collect();
        let mut loads = 0;
        for asked in crowd {
            let answer = asked.await.expect("no panic");
            assert_eq!(answer.status, StatusCode::OK);
            let how = answer.header("cache-status");
            loads += u32::from(!how.contains("collapsed") && !how.contains("hit;"));
        }
        assert_eq!(loads, 1);
    });
}

/// The cache is in the service: who calls it by other ways than HTTP meets the same entries.
#[test]
fn callers_of_the_service_share_entries_with_the_handlers() {
    test(async |desk| {
        let page = Page { skip: 0, limit: 7 };
        let first = desk.service.list(page).await.expect("a page");
        let second = desk.service.list(page).await.expect("a page");
        assert!(Arc::ptr_eq(&first, &second), "a hit copies no rows");
        assert_eq!(desk.get("/articles?limit=7").await.x_cache(), "HIT");
        desk.service
            .delete(first.items[0].id)
            .await
            .expect("it was there");
        assert_eq!(desk.get("/articles?limit=7").await.x_cache(), "MISS");
    });
}

#[test]
fn health_says_where_entries_are() {
    test(async |desk| {
        desk.get("/tags").await;
        desk.get("/tags").await;
        let health = desk.get("/health/cache").await;
        assert_eq!(health.status, StatusCode::OK);
        assert_eq!(health.body["backend"], "memory");
        assert_eq!(health.body["stats"]["memory_cache_size"], 1);
        assert!(health.body["stats"]["hits"].as_u64() > Some(0));
    });
}
