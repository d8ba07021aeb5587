//! The cache by hand: `set`, `exists`, `get`, `delete`.

use axum::http::StatusCode;
use cache_runtime::{CacheKey, cache};
use serde_json::json;

use crate::office::test;

#[test]
fn a_draft_is_kept_replaced_read_and_discarded() {
    test(async |client| {
        let user = client.signed_in(1).await;
        let path = "/api/drafts/hire";
        let (first, second) = (
            json!({ "fields": { "name": "Ha" } }),
            json!({ "fields": { "name": "Hana", "position": "" } }),
        );
        assert_eq!(user.get(path).await.status, StatusCode::NOT_FOUND);
        let kept = user.put(path, first).await;
        assert_eq!(kept.status, StatusCode::CREATED);
        assert!(cache().exists(CacheKey::new("user:1:draft:hire")).await);
        let replaced = user.put(path, second.clone()).await;
        assert_eq!(replaced.status, StatusCode::NO_CONTENT);
        assert_eq!(user.get(path).await.body, second);

        assert_eq!(user.delete(path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(user.get(path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(user.delete(path).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn drafts_are_their_writers_and_each_forms() {
    test(async |client| {
        let (one, ten) = (client.signed_in(1).await, client.signed_in(10).await);
        one.put("/api/drafts/hire", json!({ "fields": {} })).await;
        for (user, form, status) in [
            (&one, "hire", StatusCode::OK),
            (&one, "terms", StatusCode::NOT_FOUND),
            (&ten, "hire", StatusCode::NOT_FOUND),
            (&one, "spells", StatusCode::BAD_REQUEST),
            (&client, "hire", StatusCode::UNAUTHORIZED),
        ] {
            let answer = user.get(&format!("/api/drafts/{form}")).await;
            assert_eq!(answer.status, status, "{form}");
        }
    });
}
