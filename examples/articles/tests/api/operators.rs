//! The routes under `/cache`.

use axum::http::StatusCode;

use crate::desk::{ADMIN, SUPER_ADMIN, test};

#[test]
fn health_is_for_everybody_and_the_rest_is_not() {
    test(async |desk| {
        assert_eq!(desk.get("/cache/health").await.body["status"], "healthy");
        for path in ["/cache/stats", "/cache/functions", "/cache/recent"] {
            let nobody = desk.get(path).await;
            assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{path}");
            let operator = desk.with_token(ADMIN).get(path).await;
            assert_eq!(operator.status, StatusCode::OK, "{path}");
        }
    });
}

#[test]
fn an_operator_removes_what_a_pattern_names() {
    test(async |desk| {
        for path in ["/articles", "/articles?limit=5", "/articles/17"] {
            desk.get(path).await;
        }
        let path = "/cache/invalidate?pattern=articles:list:";
        let removed = desk.with_token(ADMIN).post(path, ().into()).await;
        assert_eq!(
            (removed.status, &removed.body["removed"]),
            (StatusCode::OK, &2.into())
        );
        assert_eq!(desk.get("/articles").await.x_cache(), "MISS");
        assert_eq!(desk.get("/articles/17").await.x_cache(), "HIT");
    });
}

#[test]
fn only_a_super_admin_clears() {
    test(async |desk| {
        desk.get("/tags").await;
        let refused = desk.with_token(ADMIN).delete("/cache/clear").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(desk.get("/tags").await.x_cache(), "HIT");
        let cleared = desk.with_token(SUPER_ADMIN).delete("/cache/clear").await;
        assert_eq!(
            (cleared.status, &cleared.body["removed"]),
            (StatusCode::OK, &1.into())
        );
        assert_eq!(desk.get("/tags").await.x_cache(), "MISS");
    });
}
