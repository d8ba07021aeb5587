//! What a write removes, and what it leaves.

use axum::http::StatusCode;
use serde_json::json;

use crate::board::{Client, a_job, a_post, test};

/// Warms all `paths`; the returned check says of each whether it is still cached.
async fn warm<'a>(client: &'a Client, paths: &'a [&'a str]) -> impl AsyncFn() -> Vec<bool> + 'a {
    for path in paths {
        client.warm(path).await;
    }
    async move || {
        let mut kept = Vec::new();
        for path in paths {
            kept.push(client.get(path).await.is_hit());
        }
        kept
    }
}

const JOBS: [&str; 4] = [
    "/api/jobs",
    "/api/jobs?search=rust&skip=5",
    "/api/jobs/stats/overview",
    "/api/feed",
];

#[test]
fn every_write_to_a_job_is_seen_at_once() {
    test(async |anybody| {
        let author = anybody.signed_in(1).await;

        let kept = warm(&anybody, &JOBS).await;
        let created = author.post("/api/jobs", a_job()).await;
        assert_eq!(created.status, StatusCode::CREATED);
        assert_eq!(kept().await, [false, false, false, true]);
        assert_eq!(anybody.get("/api/jobs").await.items()[0], created.body);

        let path = format!("/api/jobs/{}", created.id());
        anybody.warm(&path).await;
        anybody.warm("/api/jobs/17").await;
        let kept = warm(&anybody, &JOBS).await;
        let mut changed = a_job();
        changed["title"] = json!("Senior lighthouse keeper");
        assert_eq!(author.put(&path, changed).await.status, StatusCode::OK);
        assert_eq!(kept().await, [false, false, false, true]);
        assert_eq!(
            anybody.get(&path).await.body["title"],
            "Senior lighthouse keeper"
        );
        assert!(
            anybody.get("/api/jobs/17").await.is_hit(),
            "another job's entry went too"
        );

        let kept = warm(&anybody, &JOBS).await;
        assert_eq!(author.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(kept().await, [false, false, false, true]);
        assert_eq!(anybody.get(&path).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn a_write_that_fails_removes_nothing() {
    test(async |anybody| {
        let author = anybody.signed_in(1).await;
        let stranger = anybody.signed_in(2).await;
        let path = format!("/api/jobs/{}", author.post("/api/jobs", a_job()).await.id());

        let kept = warm(&anybody, &JOBS).await;
        assert_eq!(
            stranger.put(&path, a_job()).await.status,
            StatusCode::FORBIDDEN
        );
        assert_eq!(stranger.delete(&path).await.status, StatusCode::FORBIDDEN);
        assert_eq!(anybody.delete(&path).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            author.post("/api/jobs", json!({})).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert_eq!(kept().await, [true; 4]);

        author.delete(&path).await;
    });
}

#[test]
fn every_write_to_a_post_is_seen_at_once() {
    test(async |anybody| {
        let author = anybody.signed_in(5).await;
        let pages = [
            "/api/posts",
            "/api/posts?skip=20",
            "/api/feed",
            "/api/posts/user/5",
        ];
        let untouched = ["/api/posts/user/6", "/api/posts/user/50", "/api/jobs"];
        let kept_elsewhere = warm(&anybody, &untouched).await;

        let kept = warm(&anybody, &pages).await;
        author.warm("/api/posts").await;
        let created = author.post("/api/posts", a_post()).await;
        assert_eq!(created.status, StatusCode::CREATED);
        assert_eq!(kept().await, [false; 4]);
        assert!(
            !author.get("/api/posts").await.is_hit(),
            "personal pages are under the prefix too"
        );
        for path in ["/api/posts", "/api/posts/user/5"] {
            assert_eq!(anybody.get(path).await.items()[0], created.body, "{path}");
        }

        let path = format!("/api/posts/{}", created.id());
        let kept = warm(&anybody, &pages).await;
        let patched = author.patch(&path, json!({ "title": "On wicks" })).await;
        assert_eq!(
            (patched.status, &patched.body["body"]),
            (StatusCode::OK, &json!("They burn."))
        );
        assert_eq!(kept().await, [false; 4]);

        let kept = warm(&anybody, &pages).await;
        assert_eq!(author.put(&path, a_post()).await.status, StatusCode::OK);
        assert_eq!(kept().await, [false; 4]);

        let kept = warm(&anybody, &pages).await;
        assert_eq!(author.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(kept().await, [false; 4]);

        assert_eq!(kept_elsewhere().await, [true; 3]);
    });
}

#[test]
fn following_changes_everybodys_list() {
    test(async |anybody| {
        let follower = anybody.signed_in(700).await;
        let path = "/api/users/list?limit=100";
        follower.delete("/api/users/3/follow").await;
        let seen = async |client: &Client| {
            let answer = client.get(path).await;
            let user = answer.items().iter().find(|user| user["id"] == 3).cloned();
            let user = user.expect("user 3 is among the most followed");
            (
                user["followers"].as_i64(),
                user["followed"] == true,
                answer.is_hit(),
            )
        };
        let before = anybody.warm(path).await;
        follower.warm(path).await;
        let (Some(count), false, true) = seen(&anybody).await else {
            panic!("{:?}", before.body)
        };

        let followed = follower.post("/api/users/3/follow", json!({})).await;
        assert_eq!(
            followed.body,
            json!({ "user_id": 3, "followed": true, "followers": count + 1 })
        );
        assert_eq!(seen(&anybody).await, (Some(count + 1), false, false));
        assert_eq!(seen(&follower).await, (Some(count + 1), true, false));

        follower.delete("/api/users/3/follow").await;
        assert_eq!(seen(&anybody).await, (Some(count), false, false));
        assert_eq!(seen(&follower).await, (Some(count), false, false));
    });
}
