//! What is refused, and how it says so.

use axum::http::StatusCode;
use serde_json::json;

use crate::desk::{an_article, cached, test};

#[test]
fn a_page_that_will_not_do_names_the_field() {
    test(async |desk| {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("limit=many", "limit"),
            ("limit=", "limit"),
            ("skip=100001", "skip"),
            ("skip=-1", "skip"),
        ] {
            let refused = desk.get(&format!("/articles?{query}")).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
            let message = refused.body["error"]["message"]
                .as_str()
                .unwrap_or_default();
            assert!(message.contains(field), "{query}: {message}");
            assert_eq!(refused.x_cache(), "", "{query}: it got to the service");
        }
        for (query, rows) in [("limit=1", 1), ("limit=100", 100), ("skip=100000", 0)] {
            let page = desk.get(&format!("/articles?{query}")).await;
            assert_eq!(page.status, StatusCode::OK, "{query}");
            assert_eq!(
                page.body["items"].as_array().map(Vec::len),
                Some(rows),
                "{query}"
            );
        }
        assert!(
            cached(&["articles:list:0:0", "articles:list:0:101"])
                .await
                .is_empty()
        );
    });
}

#[test]
fn a_body_that_will_not_do_names_the_field() {
    test(async |desk| {
        for (field, value) in [
            ("title", json!("   ")),
            ("title", json!("x".repeat(151))),
            ("body", json!("")),
            ("tags", json!(["a", "b", "c", "d", "e", "f"])),
            ("tags", json!(["!"])),
            ("author_id", json!(987_654)),
        ] {
            let mut article = an_article("On lamps");
            article[field] = value;
            let refused = desk.post("/articles", article).await;
            assert_eq!(
                (refused.status, refused.error_code()),
                (StatusCode::BAD_REQUEST, "invalid")
            );
            let message = refused.body["error"]["message"]
                .as_str()
                .unwrap_or_default();
            assert!(message.contains(field), "{message}");
        }
        let mut unknown = an_article("On lamps");
        unknown["titel"] = json!("x");
        let refused = desk.post("/articles", unknown).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let huge = an_article(&"x".repeat(200_000));
        let refused = desk.post("/articles", huge).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    });
}

#[test]
fn every_error_is_json() {
    test(async |desk| {
        for (path, status, code) in [
            ("/nowhere", StatusCode::NOT_FOUND, "not_found"),
            ("/articles/seventeen", StatusCode::BAD_REQUEST, "unreadable"),
            ("/articles/987654", StatusCode::NOT_FOUND, "not_found"),
            ("/articles/by-slug/%3F", StatusCode::NOT_FOUND, "not_found"),
        ] {
            let answer = desk.get(path).await;
            assert_eq!(
                (answer.status, answer.error_code()),
                (status, code),
                "{path}"
            );
        }
        let refused = desk.delete("/tags").await;
        assert_eq!(
            (refused.status, refused.error_code()),
            (StatusCode::METHOD_NOT_ALLOWED, "no_such_method")
        );
        assert!(!refused.header("allow").is_empty());
    });
}
