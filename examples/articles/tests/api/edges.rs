//! The service behind shared caches that keep what they are not told to leave alone.

use axum::http::StatusCode;

use crate::desk::{a_text, an_article, test};

/// No removal reaches a cache of somebody else, so none of them may keep what a write makes wrong.
#[test]
fn a_write_shows_at_once_behind_a_shared_cache() {
    test(async |desk| {
        for edge in desk.edges().await {
            let title = format!("Lamps behind {:?}", edge.kind());
            let slug = title.to_lowercase().replace(' ', "-");
            let by_slug = format!("/articles/by-slug/{slug}");
            assert_eq!(edge.get(&by_slug, &[]).await.status, 404);

            let created = desk.post("/articles", an_article(&title)).await;
            assert_eq!(created.status, StatusCode::CREATED);
            let path = format!("/articles/{}", created.id());
            assert_eq!(edge.get(&by_slug, &[]).await.status, 200);
            let list = edge.get("/articles?limit=1", &[]).await;
            assert!(list.body.contains(&title), "{list:?}");

            desk.put(&path, a_text("Wicks")).await;
            for path in [&path, &by_slug] {
                let answer = edge.get(path, &[]).await;
                assert!(answer.body.contains("Wicks"), "{answer:?}");
            }
            desk.delete(&path).await;
            assert_eq!(edge.get(&path, &[]).await.status, 404);
        }
    });
}
