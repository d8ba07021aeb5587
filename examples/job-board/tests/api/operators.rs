//! The routes under `/cache`.

use axum::http::StatusCode;

use crate::board::{ADMIN, SUPER_ADMIN, test};

#[test]
fn health_is_for_everybody_and_the_rest_is_not() {
    test(async |anybody| {
        assert_eq!(anybody.get("/cache/health").await.body["status"], "healthy");
        for path in [
            "/cache/stats",
            "/cache/functions",
            "/cache/hottest",
            "/cache/recent",
        ] {
            assert_eq!(
                anybody.get(path).await.status,
                StatusCode::UNAUTHORIZED,
                "{path}"
            );
            let operator = anybody.with_token(ADMIN).get(path).await;
            assert_eq!(
                (operator.status, operator.sql()),
                (StatusCode::OK, 0),
                "{path}"
            );
        }
        let stranger = anybody
            .with_token("none that is known")
            .get("/cache/stats")
            .await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn an_operator_counts_first_and_then_removes() {
    test(async |anybody| {
        for path in ["/api/posts", "/api/posts?limit=5", "/api/feed"] {
            anybody.warm(path).await;
        }
        let operator = anybody.with_token(ADMIN);
        let path = "/cache/invalidate?pattern=posts:list:";
        let counted = operator
            .post(&format!("{path}&preview=true"), ().into())
            .await;
        assert_eq!(counted.body["matching"], 2);
        assert!(anybody.get("/api/posts").await.is_hit());

        let removed = operator.post(path, ().into()).await;
        assert_eq!(
            (&removed.body["removed"], &removed.body["durability"]),
            (&2.into(), &"durable".into())
        );
        assert!(!anybody.get("/api/posts").await.is_hit());
        assert!(anybody.get("/api/feed").await.is_hit());
        let recent = operator.get("/cache/recent").await;
        assert_eq!(
            recent.body["invalidations"][0]["patterns"][0],
            "posts:list:"
        );
    });
}

#[test]
fn only_a_super_admin_clears() {
    test(async |anybody| {
        anybody.warm("/api/feed").await;
        let refused = anybody.with_token(ADMIN).delete("/cache/clear").await;
        assert_eq!(
            (refused.status, refused.error_code()),
            (StatusCode::FORBIDDEN, "forbidden")
        );
        assert!(anybody.get("/api/feed").await.is_hit());
        let cleared = anybody.with_token(SUPER_ADMIN).delete("/cache/clear").await;
        assert_eq!(
            (cleared.status, &cleared.body["removed"]),
            (StatusCode::OK, &1.into())
        );
        assert!(!anybody.get("/api/feed").await.is_hit());
    });
}

#[test]
fn the_functions_of_the_board_are_listed() {
    test(async |anybody| {
        anybody.warm("/api/jobs/stats/overview").await;
        let listed = anybody.with_token(ADMIN).get("/cache/functions").await;
        let mut names = listed.body["functions"].as_array().expect("a list").iter();
        assert!(
            names.any(|row| row["name"] == "job_board::jobs::routes::overview"),
            "{}",
            listed.body
        );
    });
}
