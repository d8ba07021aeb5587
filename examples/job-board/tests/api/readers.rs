//! Who sees what: sign-in, personal answers, what edges are told.

use axum::http::StatusCode;
use serde_json::json;

use crate::board::test;

#[test]
fn a_draft_stays_with_its_author() {
    test(async |anybody| {
        let author = anybody.signed_in(11).await;
        let other = anybody.signed_in(12).await;
        let draft = json!({ "title": "Unfinished", "body": "…", "published": false });
        let id = author.post("/api/posts", draft).await.id();

        // The author first, so that a shared entry would show.
        let has_draft = |items: &[serde_json::Value]| items.iter().any(|post| post["id"] == id);
        assert!(has_draft(author.warm("/api/posts").await.items()));
        for reader in [&other, &anybody] {
            assert!(!has_draft(reader.get("/api/posts").await.items()));
        }
        let publish = json!({ "published": true });
        let path = format!("/api/posts/{id}");
        assert_eq!(
            other.patch(&path, publish.clone()).await.status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(author.patch(&path, publish).await.status, StatusCode::OK);
        assert!(has_draft(anybody.get("/api/posts").await.items()));

        author.delete(&path).await;
    });
}

#[test]
fn edges_are_told_whose_an_answer_is() {
    test(async |anybody| {
        let somebody = anybody.signed_in(11).await;
        // A miss and a hit must say the same.
        for _ in 0..2 {
            let public = anybody.get("/api/posts").await;
            let control = "public, max-age=30, stale-while-revalidate=60";
            assert_eq!(public.header("cache-control"), control);
            assert!(public.header("vary").to_lowercase().contains("cookie"));

            let personal = somebody.get("/api/posts").await;
            assert_eq!(personal.header("cache-control"), "private, no-cache");
            assert!(personal.header("vary").to_lowercase().contains("cookie"));
        }
    });
}

#[test]
fn the_front_page_is_everybodys_and_lives_at_edges_as_long_as_here() {
    test(async |anybody| {
        let somebody = anybody.signed_in(11).await;
        for _ in 0..2 {
            let public = anybody.get("/api/feed").await;
            let control = public.header("cache-control");
            let whole = "max-age=30, stale-while-revalidate=60, stale-if-error=3600";
            assert_eq!(control, format!("public, {whole}"));
            // With credentials: not what an edge should keep.
            let personal = somebody.get("/api/feed").await;
            let control = personal.header("cache-control");
            assert_eq!(control, format!("private, {whole}"));
        }
    });
}

#[test]
fn anonymous_readers_share_and_signed_in_ones_do_not() {
    test(async |anybody| {
        anybody.warm("/api/posts").await;
        for user_id in [1, 2] {
            let reader = anybody.signed_in(user_id).await;
            assert!(!reader.get("/api/posts").await.is_hit(), "{user_id}");
            assert!(reader.get("/api/posts").await.is_hit(), "{user_id}");
        }
    });
}

#[test]
fn a_cookie_that_we_did_not_sign_is_none() {
    test(async |anybody| {
        let somebody = anybody.signed_in(1).await;
        let (name, signed) = somebody.cookie().split_once('=').expect("name=value");
        // The value is a signature, then the id: another id does not fit the signature.
        let forged = format!("{name}={}2", &signed[..signed.len() - 1]);
        for cookie in [forged.as_str(), "board_user=1", "board_user="] {
            let impostor = anybody.with_cookie(cookie);
            let refused = impostor
                .post("/api/posts", json!({ "title": "x", "body": "x" }))
                .await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{cookie}");
            let control = impostor.get("/api/posts").await;
            assert!(
                control.header("cache-control").starts_with("public"),
                "{cookie}"
            );
        }
    });
}

#[test]
fn sign_in_and_out() {
    test(async |anybody| {
        let nobody = anybody
            .post("/api/session", json!({ "user_id": 999_999 }))
            .await;
        assert_eq!(
            (nobody.status, nobody.error_code()),
            (StatusCode::NOT_FOUND, "not_found")
        );

        let somebody = anybody.signed_in(1).await;
        let out = somebody.delete("/api/session").await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
        assert!(
            out.header("set-cookie").contains("Max-Age=0"),
            "{:?}",
            out.headers
        );
        let attributes = anybody.post("/api/session", json!({ "user_id": 1 })).await;
        let attributes = attributes.header("set-cookie");
        assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"));
    });
}
