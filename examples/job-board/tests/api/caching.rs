//! What is cached, and under what.

use axum::http::StatusCode;

use crate::board::{Client, test};

const READS: [&str; 7] = [
    "/api/jobs?search=rust&limit=5",
    "/api/jobs/17",
    "/api/jobs/stats/overview",
    "/api/users/list?limit=5",
    "/api/posts?limit=5",
    "/api/posts/user/7",
    "/api/feed",
];

#[test]
fn every_read_runs_its_sql_once() {
    test(async |anybody| {
        for path in READS {
            let miss = anybody.get(path).await;
            assert_eq!(
                (miss.status, miss.header("x-cache")),
                (StatusCode::OK, "MISS"),
                "{path}"
            );
            let hit = anybody.get(path).await;
            assert!(!miss.is_hit() && hit.is_hit(), "{path}");
            assert_eq!(miss.body, hit.body, "{path}");
        }
    });
}

#[test]
fn questions_that_mean_the_same_share_an_entry() {
    test(async |anybody| {
        anybody
            .warm("/api/jobs?search=rust+engineer&location=z%C3%BCrich")
            .await;
        for same in [
            "/api/jobs?location=Z%C3%BCrich&search=RUST++Engineer+",
            "/api/jobs?search=rust+engineer&location=Z%C3%9CRICH&skip=0&limit=20&status=open",
            "/api/jobs?search=Rust+Engineer&location=+Z%C3%BCrich&utm_source=letter",
        ] {
            assert!(anybody.get(same).await.is_hit(), "{same}");
        }
    });
}

#[test]
fn every_filter_is_in_the_key() {
    test(async |anybody| {
        anybody.warm("/api/jobs").await;
        for other in [
            "skip=20",
            "limit=10",
            "search=rust",
            "location=berlin",
            "category=data",
            "type=contract",
            "salary=60000",
            "remote=true",
            "remote=false",
            "status=closed",
        ] {
            let answer = anybody.get(&format!("/api/jobs?{other}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{other}");
            assert!(
                !answer.is_hit(),
                "{other} was answered by another question's entry"
            );
        }
    });
}

/// A search for the text `None`, or for what looks like the end of a key, is a search like others.
#[test]
fn no_text_can_forge_another_key() {
    test(async |anybody| {
        anybody.warm("/api/users/list").await;
        for text in ["None", "null", "%7E", "''", "a:b", "*", "%3A%3A"] {
            let answer = anybody.get(&format!("/api/users/list?search={text}")).await;
            assert!(!answer.is_hit(), "{text}");
        }
    });
}

#[test]
fn an_error_is_not_cached() {
    test(async |anybody| {
        for path in ["/api/jobs/999999", "/api/posts/user/999999"] {
            for _ in 0..2 {
                let answer = anybody.get(path).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND);
                assert!(!answer.is_hit(), "{path}");
            }
        }
    });
}

#[test]
fn a_hundred_at_once_ask_the_database_once() {
    test(async |anybody| {
        let ask = |client: Client| tokio::spawn(async move { client.get("/api/feed").await });
        let crowd: Vec<_> = (0..100).map(|_| ask(anybody.clone())).collect();
        let mut sql = 0;
        for asked in crowd {
            let answer = asked.await.expect("no panic");
            assert_eq!(answer.status, StatusCode::OK);
            sql += answer.sql();
        }
        assert_eq!(sql, 2, "the two statements of one load");
    });
}

#[test]
fn who_has_an_answer_already_is_not_sent_it_again() {
    test(async |anybody| {
        for path in READS {
            let first = anybody.get(path).await;
            let etag = first.header("etag");
            assert!(etag.starts_with("W/"), "{path}: {etag}");
            let again = anybody.with("if-none-match", etag).get(path).await;
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}");
            assert!(again.is_hit() && again.body.is_null(), "{path}");
            assert_eq!(again.header("age"), "0", "{path}");
            assert!(
                again.header("cache-status").starts_with("cache; hit; ttl="),
                "{path}"
            );
        }
    });
}

#[test]
fn health_has_every_figure() {
    test(async |anybody| {
        anybody.warm("/api/feed").await;
        let health = anybody.get("/health/cache").await;
        assert_eq!(health.status, StatusCode::OK);
        assert!(health.body["status"].is_string() && health.body["backend"].is_string());
        assert!(health.body.get("latency_ms").is_some());
        let stats = &health.body["stats"];
        assert!(stats["hits"].as_u64() > Some(0) && stats["misses"].as_u64() > Some(0));
        assert!(stats["hit_rate_percent"].as_f64() > Some(0.0));
        assert_eq!(stats["redis_available"], false);
        assert!(stats["memory_cache_size"].is_u64());
    });
}
