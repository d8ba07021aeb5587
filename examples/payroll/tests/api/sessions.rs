//! Who may ask; and that a hit does not skip the question.

use axum::http::StatusCode;
use serde_json::json;

use crate::office::test;

#[test]
fn strangers_are_refused_even_what_is_cached() {
    test(async |client| {
        let user = client.signed_in(1).await;
        let paths = [
            "/api/employees",
            "/api/dashboard",
            "/api/rates/2025",
            "/api/users/1",
        ];
        for path in paths {
            user.get(path).await;
            let stranger = client.get(path).await;
            assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{path}");
            let forger = client.with("cookie", "payroll_user=1.1").get(path).await;
            assert_eq!(forger.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    });
}

#[test]
fn who_lacks_a_permission_is_refused_even_what_is_cached() {
    test(async |client| {
        let (office, reception) = (client.signed_in(1).await, client.signed_in(3).await);
        for path in ["/api/salaries/R001", "/api/payroll/gunma/2025-12"] {
            office.get(path).await;
            let refused = reception.get(path).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(refused.error_code(), "not_allowed");
        }
        let allowed = reception.get("/api/employees").await;
        assert_eq!(allowed.status, StatusCode::OK);
    });
}

#[test]
fn a_password_reset_ends_that_users_sessions_alone() {
    test(async |client| {
        let office = client.signed_in(1).await;
        let (nine, ninety) = (client.signed_in(9).await, client.signed_in(90).await);
        for user in [&nine, &ninety] {
            assert_eq!(user.get("/api/employees").await.status, StatusCode::OK);
        }
        let reset = office.post("/api/users/9/password-reset", json!({})).await;
        assert_eq!(reset.status, StatusCode::NO_CONTENT);

        let out = nine.get("/api/employees").await;
        assert_eq!(out.status, StatusCode::UNAUTHORIZED);
        assert_eq!(ninety.get("/api/employees").await.sql(), 0, "still cached");
        let back = client.signed_in(9).await.get("/api/employees").await;
        assert_eq!(back.status, StatusCode::OK);
    });
}

#[test]
fn a_permission_that_is_taken_away_is_gone_with_the_next_request() {
    test(async |client| {
        let (office, accounts) = (client.signed_in(1).await, client.signed_in(2).await);
        let path = "/api/salaries/R001";
        assert_eq!(accounts.get(path).await.status, StatusCode::OK);
        let grants = json!({ "permissions": ["employees.read"] });
        office.put("/api/roles/accounts", grants).await;
        assert_eq!(accounts.get(path).await.status, StatusCode::FORBIDDEN);

        let grants = json!({ "permissions": ["employees.read", "salaries.read", "payroll.run"] });
        office.put("/api/roles/accounts", grants).await;
        assert_eq!(accounts.get(path).await.status, StatusCode::OK);
    });
}
