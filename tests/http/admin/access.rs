//! Who is let in, and what those are told who are not.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::get;
use cache_runtime::http::{AdminConfig, AdminGate, Role, admin_router};
use serde_json::json;

use super::{ADMIN, MINUTE, SUPER, answer, ask, memory, with_tokens};
use crate::client::send;

#[tokio::test]
async fn closed_until_a_token_is_set_and_says_how_to_open_it() {
    let app: Router = admin_router(AdminConfig::new().cache(&memory()).admin_token(" "));
    for (method, path) in [
        (Method::GET, "/cache/stats"),
        (Method::GET, "/cache/functions"),
        (Method::GET, "/cache/hottest"),
        (Method::GET, "/cache/recent"),
        (Method::POST, "/cache/invalidate?pattern=a"),
        (Method::DELETE, "/cache/clear"),
    ] {
        for token in [None, Some(""), Some("guess")] {
            let (status, body) = ask(&app, method.clone(), path, token).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(body["error"]["code"], "closed");
            assert!(
                body["error"]["message"]
                    .as_str()
                    .unwrap()
                    .contains("CACHE_ADMIN_TOKEN")
            );
        }
    }
    let (status, _) = ask(&app, Method::GET, "/cache/health", None).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn health_is_open_and_in_the_form_that_monitors_know() {
    let cache = memory();
    let app = with_tokens(&cache);
    let (_, mut health) = ask(&app, Method::GET, "/cache/health", None).await;
    assert_eq!(health["instance"].take(), json!(cache.instance()));
    assert_eq!(
        health,
        json!({
            "status": "healthy", "backend": "memory", "latency_ms": null, "instance": null,
            "stats": {
                "hits": 0, "misses": 0, "hit_rate_percent": 0.0, "redis_available": false, "memory_cache_size": 0
            }
        })
    );
}

#[tokio::test]
async fn a_token_is_needed_the_right_one_and_of_the_right_role() {
    let app = with_tokens(&memory());
    let status = async |method: Method, path, token| answer(&app, method, path, token).await.status;
    let none = answer(&app, Method::GET, "/cache/stats", None).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert!(none.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(
        status(Method::GET, "/cache/stats", Some("wrong")).await,
        401
    );
    assert_eq!(
        status(Method::GET, "/cache/stats", Some(&ADMIN[..10])).await,
        401
    );
    let basic = send(
        &app,
        Method::GET,
        "/cache/stats",
        &[("authorization", "Basic YTpi")],
    )
    .await;
    assert_eq!(basic.status, 401);

    assert_eq!(status(Method::GET, "/cache/stats", Some(ADMIN)).await, 200);
    assert_eq!(status(Method::GET, "/cache/stats", Some(SUPER)).await, 200);
    assert_eq!(
        status(Method::DELETE, "/cache/clear", Some(ADMIN)).await,
        403
    );
    assert_eq!(
        status(Method::POST, "/cache/invalidate?pattern=*", Some(ADMIN)).await,
        403
    );
    assert_eq!(
        status(
            Method::POST,
            "/cache/invalidate?pattern=*&preview=true",
            Some(ADMIN)
        )
        .await,
        200
    );
    assert_eq!(
        status(Method::DELETE, "/cache/clear", Some(SUPER)).await,
        200
    );
    let no_such = send(&app, Method::GET, "/cache/clear", &[]).await;
    assert_eq!(no_such.status, 405);

    let elsewhere = [
        ("sec-fetch-site", "cross-site"),
        ("authorization", &format!("Bearer {SUPER}")),
    ];
    let forged = send(&app, Method::DELETE, "/cache/clear", &elsewhere).await;
    assert_eq!(forged.status, 403);
}

async fn guess(app: &Router, times: u32) -> StatusCode {
    let mut last = StatusCode::OK;
    for guess in 0..times {
        let wrong = format!("guess {guess}");
        last = answer(app, Method::GET, "/cache/stats", Some(&wrong))
            .await
            .status;
    }
    last
}

#[tokio::test(start_paused = true)]
async fn the_eleventh_wrong_token_in_a_minute_is_told_to_wait() {
    let app = with_tokens(&memory());
    assert_eq!(guess(&app, 10).await, StatusCode::UNAUTHORIZED);
    let (status, body) = ask(&app, Method::GET, "/cache/stats", Some("another guess")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("too_many_failures"))
    );
    let refused = answer(&app, Method::GET, "/cache/stats", Some("another guess")).await;
    let retry = refused.header("retry-after");
    assert!((1..=61).contains(&retry.parse::<u64>().unwrap()), "{retry}");
    // A request without a token is no guess.
    assert_eq!(
        ask(&app, Method::GET, "/cache/stats", None).await.0,
        StatusCode::UNAUTHORIZED
    );
    tokio::time::advance(MINUTE).await;
    assert_eq!(guess(&app, 1).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_right_token_is_let_in_although_wrong_ones_came_before_it() {
    let app = with_tokens(&memory());
    assert_eq!(guess(&app, 25).await, StatusCode::TOO_MANY_REQUESTS);
    for (method, path, token) in [
        (Method::GET, "/cache/stats", ADMIN),
        (Method::POST, "/cache/invalidate?pattern=a", ADMIN),
        (Method::DELETE, "/cache/clear", SUPER),
    ] {
        assert_eq!(ask(&app, method, path, Some(token)).await.0, 200, "{path}");
    }
    // Nor does it make up for the wrong ones.
    assert_eq!(guess(&app, 1).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn wrong_tokens_are_counted_by_address() {
    let config = AdminConfig::new()
        .cache(&memory())
        .admin_token(ADMIN)
        .peer(|request| {
            let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(address.ip())
        });
    let app: Router = admin_router(config);
    // What a server puts into each request.
    let from = |last: u8| {
        let address = SocketAddr::from((IpAddr::from([10, 0, 0, last]), 1));
        app.clone().layer(axum::Extension(ConnectInfo(address)))
    };
    assert_eq!(guess(&from(1), 11).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(guess(&from(2), 1).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_application_may_use_its_own_check() {
    let config = AdminConfig::new().cache(&memory()).check(|request| {
        match request.headers.get("x-user")?.to_str().ok()? {
            "root" => Some(Role::SuperAdmin),
            "ops" => Some(Role::Admin),
            _ => None,
        }
    });
    let app: Router = admin_router(config);
    for (user, clear, stats) in [("root", 200, 200), ("ops", 403, 200), ("eve", 401, 401)] {
        let user = [("x-user", user)];
        assert_eq!(
            send(&app, Method::DELETE, "/cache/clear", &user)
                .await
                .status,
            clear
        );
        assert_eq!(
            send(&app, Method::GET, "/cache/stats", &user).await.status,
            stats
        );
    }
}

/// Routes of an application's own, behind the same gate.
#[tokio::test]
async fn a_gate_guards_other_routes_and_counts_together_with_the_administrations() {
    let gate = AdminGate::new(AdminConfig::new().cache(&memory()).admin_token(ADMIN));
    let own = gate.clone();
    let look = async move |request: Request| match own.admit(&request.into_parts().0, Role::Admin) {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    let app = Router::new()
        .route("/own", get(look))
        .merge(admin_router(gate));
    let own = async |token: &str| {
        let token = format!("Bearer {token}");
        send(&app, Method::GET, "/own", &[("authorization", &token)])
            .await
            .status
    };
    assert_eq!(own(ADMIN).await, 204);
    assert_eq!(own("guess").await, 401);
    assert_eq!(guess(&app, 9).await, StatusCode::UNAUTHORIZED);
    assert_eq!(own("guess").await, 429);
    assert_eq!(own(ADMIN).await, 204);
}

#[tokio::test]
async fn nested_below_a_path_it_works_the_same() {
    let app = Router::new().nest("/api", with_tokens(&memory()));
    assert_eq!(
        ask(&app, Method::GET, "/api/cache/stats", Some(ADMIN))
            .await
            .0,
        StatusCode::OK
    );
    let page = answer(&app, Method::GET, "/api/cache/dashboard", None).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
}
