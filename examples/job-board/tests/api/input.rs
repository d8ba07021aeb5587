//! What is refused, and how it says so.

use axum::http::StatusCode;
use serde_json::json;

use crate::board::{a_job, test};

#[test]
fn a_query_that_will_not_do_names_the_field() {
    test(async |anybody| {
        let long = "x".repeat(101);
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("skip=100001", "skip"),
            ("skip=ten", "skip"),
            ("salary=much", "salary"),
            ("remote=maybe", "remote"),
            ("category=wizardry", "category"),
            ("type=eternal", "type"),
            ("status=lost", "status"),
            ("search=%2B%2B", "search"),
            (&format!("search={long}"), "search"),
            (&format!("location={long}"), "location"),
        ] {
            let answer = anybody.get(&format!("/api/jobs?{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            let message = answer.body["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(field), "{query}: {message}");
            assert_eq!(answer.sql(), 0, "{query}");
        }
    });
}

#[test]
fn a_body_that_will_not_do_names_the_field() {
    test(async |anybody| {
        let author = anybody.signed_in(1).await;
        for (field, value) in [
            ("title", json!("   ")),
            ("title", json!("x".repeat(151))),
            ("description", json!("")),
            ("company", json!("x".repeat(101))),
            ("salary_min", json!(60_000)),
            ("salary_max", json!(4_000_000_000_u32)),
        ] {
            let mut job = a_job();
            job[field] = value;
            let answer = author.post("/api/jobs", job).await;
            assert_eq!(
                (answer.status, answer.error_code()),
                (StatusCode::BAD_REQUEST, "invalid")
            );
            let message = answer.body["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(field), "{message}");
        }
        let mut unknown = a_job();
        unknown["salery"] = json!(1);
        let answer = author.post("/api/jobs", unknown).await;
        assert_eq!(
            (answer.status, answer.error_code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "unreadable")
        );
        let huge = json!({ "title": "x", "body": "x".repeat(200_000) });
        assert_eq!(
            author.post("/api/posts", huge).await.status,
            StatusCode::PAYLOAD_TOO_LARGE
        );
    });
}

#[test]
fn every_error_is_json() {
    test(async |anybody| {
        for (path, status, code) in [
            ("/nowhere", StatusCode::NOT_FOUND, "not_found"),
            ("/api/jobs/seventeen", StatusCode::BAD_REQUEST, "unreadable"),
            ("/api/jobs/999999", StatusCode::NOT_FOUND, "not_found"),
            (
                "/api/session",
                StatusCode::METHOD_NOT_ALLOWED,
                "no_such_method",
            ),
        ] {
            let answer = anybody.get(path).await;
            assert_eq!(
                (answer.status, answer.error_code()),
                (status, code),
                "{path}"
            );
        }
        assert!(!anybody.get("/api/session").await.header("allow").is_empty());
    });
}

#[test]
fn pages_and_totals_agree() {
    test(async |anybody| {
        let whole = anybody.get("/api/jobs?location=berlin&limit=20").await;
        let first = anybody.get("/api/jobs?location=berlin&limit=10").await;
        let second = anybody
            .get("/api/jobs?location=berlin&limit=10&skip=10")
            .await;
        assert_eq!([first.items(), second.items()].concat(), whole.items());
        assert_eq!(first.body["total"], whole.body["total"]);
        let beyond = anybody.get("/api/jobs?location=berlin&skip=5000").await;
        assert!(beyond.items().is_empty() && beyond.body["total"] == whole.body["total"]);
    });
}
