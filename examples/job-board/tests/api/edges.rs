//! The board behind shared caches that keep what they are not told to leave alone.

use cache_tests::{Edge, EdgeAnswer};
use serde_json::{Value, json};

use crate::board::{Client, test};

/// What may differ by who asks, and what does not.
const PERSONAL: [&str; 2] = ["/api/posts", "/api/users/list?limit=5"];
const FOR_EVERYONE: [&str; 6] = [
    "/api/jobs?limit=5",
    "/api/jobs/17",
    "/api/jobs/999999",
    "/api/posts/user/7",
    "/api/feed",
    "/nowhere",
];

async fn through(edge: &Edge, client: &Client, path: &str) -> (EdgeAnswer, Value) {
    let cookie = [("cookie", client.cookie())];
    let headers = if client.cookie().is_empty() {
        &[][..]
    } else {
        &cookie[..]
    };
    let answer = edge.get(path, headers).await;
    let body = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer, body)
}

#[test]
fn a_shared_cache_gives_nobody_anothers_answer() {
    test(async |anybody| {
        let author = anybody.signed_in(11).await;
        let other = anybody.signed_in(12).await;
        let draft = json!({ "title": "Unfinished", "body": "…", "published": false });
        let draft = author.post("/api/posts", draft).await.id();
        author.post("/api/users/1/follow", Value::Null).await;

        for edge in anybody.edges().await {
            // Everybody comes after everybody else.
            for reader in [&author, &other, &anybody, &other, &author] {
                for path in PERSONAL {
                    let (answer, body) = through(&edge, reader, path).await;
                    let seen = format!("{:?} {path} {answer:?}", edge.kind());
                    let own = reader.get(path).await.body;
                    let public = anybody.get(path).await.body;
                    let is_public = !edge.kind().minds_vary() && body == public;
                    assert!(body == own || is_public, "{seen}");
                    assert!(!answer.is_kept() || body == public, "{seen}");
                }
            }
            for path in FOR_EVERYONE {
                let (answer, body) = through(&edge, &other, path).await;
                assert_eq!(body, anybody.get(path).await.body, "{path} {answer:?}");
            }
        }
        author.delete(&format!("/api/posts/{draft}")).await;
        author.delete("/api/users/1/follow").await;
    });
}

#[test]
fn a_shared_cache_keeps_what_is_for_everyone() {
    test(async |anybody| {
        for edge in anybody.edges().await {
            for path in ["/api/feed", "/api/posts"] {
                through(&edge, &anybody, path).await;
                let (answer, body) = through(&edge, &anybody, path).await;
                assert!(answer.is_kept(), "{:?} {path} {answer:?}", edge.kind());
                assert_eq!(body, anybody.get(path).await.body, "{path}");
            }
        }
    });
}
