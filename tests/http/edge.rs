//! The same behind caches of others: what is one user's never comes to another, and what is for everyone is kept there.

use axum::Router;
use axum::routing::get as on_get;
use cache_runtime::http::CacheLayer;
use cache_tests::{Edge, EdgeKind};

use crate::service::{Service, feed, in_key, posts, refused, uncached, value};

/// A service on a port, with real caches in front of it.
async fn caches_in_front_of_the_service() -> Vec<Edge> {
    let app = Router::new()
        .route("/feed", on_get(feed))
        .route("/posts", on_get(posts))
        .layer(CacheLayer::new().cache_control())
        .route("/in-key", on_get(in_key))
        .route("/value", on_get(value))
        .route("/uncached", on_get(uncached))
        .route("/refused", on_get(refused))
        .layer(CacheLayer::new())
        .with_state(Service::new());
    Edge::all_in_front_of(app).await
}

#[tokio::test]
async fn a_personal_answer_reaches_nobody_else() {
    for edge in caches_in_front_of_the_service().await {
        // By its key, past the cache, and by a status: what each of them says, the service makes of who asks.
        for path in ["/in-key", "/uncached", "/refused"] {
            for name in ["cookie", "authorization"] {
                let mut answers = Vec::new();
                for who in ["user=1", "user=2", "user=1"] {
                    answers.push(edge.get(path, &[(name, who)]).await);
                }
                let of =
                    |index: usize| format!("{path} {name} {answers:?} {index} {:?}", edge.kind());
                for (index, who) in ["user=1", "user=2", "user=1"].into_iter().enumerate() {
                    assert!(!answers[index].is_kept(), "{}", of(index));
                    assert!(answers[index].body.contains(who), "{}", of(index));
                }
            }
            let nobody = edge.get(path, &[]).await;
            assert!(!nobody.body.contains("user="), "{path} {nobody:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_called_public_is_kept_by_nobody_in_between() {
    for edge in caches_in_front_of_the_service().await {
        for path in ["/value", "/nowhere"] {
            for _ in 0..2 {
                let answer = edge.get(path, &[]).await;
                assert!(!answer.is_kept(), "{:?} {path} {answer:?}", edge.kind());
            }
        }
    }
}

#[tokio::test]
async fn a_public_answer_is_kept_in_between() {
    for edge in caches_in_front_of_the_service().await {
        for path in ["/feed", "/posts"] {
            let first = edge.get(path, &[]).await;
            let second = edge.get(path, &[]).await;
            let seen = format!("{:?} {path} {first:?} {second:?}", edge.kind());
            assert!(!first.is_kept() && second.is_kept(), "{seen}");
            assert_eq!(first.body, second.body, "{seen}");
        }
    }
}

/// One path, for everyone and for one user: the personal answer is never kept. Whether its reader gets the public one from
/// a cache that has it is up to `Vary`.
#[tokio::test]
async fn a_path_that_is_public_and_personal_gives_nobody_anothers_answer() {
    for edge in caches_in_front_of_the_service().await {
        let kind = edge.kind();
        let user = [("cookie", "user=1")];
        let other = [("cookie", "user=2")];
        let personal = edge.get("/posts", &user).await;
        assert!(!personal.is_kept(), "{kind:?} {personal:?}");
        assert!(personal.body.contains("user=1"), "{kind:?} {personal:?}");

        let public = edge.get("/posts", &[]).await;
        assert!(!public.body.contains("user="), "{kind:?} {public:?}");
        let others = edge.get("/posts", &other).await;
        assert!(!others.body.contains("user=1"), "{kind:?} {others:?}");
        if matches!(kind, EdgeKind::Nginx | EdgeKind::Varnish) {
            assert!(others.body.contains("user=2"), "{kind:?} {others:?}");
        }
    }
}
