//! A browser that carries an administrator's cookie, and pages of other sites.

use axum::Router;
use axum::http::Method;
use cache_runtime::http::{AdminConfig, Role, admin_router};
use serde_json::Value;

use super::{SUPER, memory, with_tokens};
use crate::client::{Answer, send};

/// An application that knows its administrators by a cookie.
fn with_cookies() -> Router {
    admin_router(AdminConfig::new().cache(&memory()).check(|request| {
        let cookie = request.headers.get("cookie")?.to_str().ok()?;
        (cookie == "session=root").then_some(Role::SuperAdmin)
    }))
}

const REMOVALS: [(Method, &str); 3] = [
    (Method::POST, "/cache/invalidate?pattern=a"),
    (Method::POST, "/cache/invalidate?pattern=a&preview=true"),
    (Method::DELETE, "/cache/clear"),
];

/// As a browser sends it that is signed in, with these headers more.
async fn in_a_browser(app: &Router, method: Method, path: &str, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("host", "admin.shop.example"), ("cookie", "session=root")];
    headers.extend_from_slice(more);
    send(app, method, path, &headers).await
}

#[tokio::test]
async fn a_page_of_another_origin_removes_nothing_with_an_administrators_cookie() {
    let app = with_cookies();
    let own = "https://admin.shop.example";
    let forged: [&[(&str, &str)]; 14] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "same-site"), ("origin", own)],
        &[("sec-fetch-site", "something new")],
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("origin", "https://evil.example")],
        &[("origin", "https://blog.shop.example")],
        &[("origin", "https://shop.example")],
        &[("origin", "https://admin.shop.example.evil.example")],
        &[("origin", "https://admin.shop.example:8443")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", own), ("origin", "https://evil.example")],
        &[
            ("sec-fetch-site", "none"),
            ("origin", "https://evil.example"),
        ],
    ];
    for headers in forged {
        for (method, path) in REMOVALS {
            let refused = in_a_browser(&app, method, path, headers).await;
            assert_eq!(refused.status, 403, "{path} {headers:?}");
            let body: Value = serde_json::from_str(&refused.body).expect("JSON");
            assert_eq!(body["error"]["code"], "cross_origin");
            let message = body["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("made by a page of another origin"),
                "{message}"
            );
            let named = ["Sec-Fetch-Site: ", "Origin: "]
                .iter()
                .any(|name| message.contains(name));
            assert!(named, "it says which header told: {message}");
        }
    }
}

#[tokio::test]
async fn a_page_of_the_same_origin_and_a_program_may_remove() {
    let app = with_cookies();
    let own: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "same-origin")],
        // A proxy may have changed `Host`; the browser has not.
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://public.example"),
        ],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://admin.shop.example")],
        &[("origin", "http://ADMIN.shop.example:80")],
        // No page can send it.
        &[],
    ];
    for headers in own {
        for (method, path) in REMOVALS {
            let done = in_a_browser(&app, method, path, headers).await;
            assert_eq!(done.status, 200, "{path} {headers:?}");
        }
    }
    let without_host = [
        ("cookie", "session=root"),
        ("origin", "https://admin.shop.example"),
    ];
    let clear = "https://admin.shop.example/cache/clear";
    let done = send(&app, Method::DELETE, clear, &without_host).await;
    assert_eq!(
        done.status, 200,
        "as in HTTP/2, where the address names the host"
    );
    let unsaid = send(&app, Method::DELETE, "/cache/clear", &without_host).await;
    assert_eq!(unsaid.status, 403, "nothing to compare with");
}

#[tokio::test]
async fn looking_is_refused_to_other_sites_alone() {
    let app = with_cookies();
    for (site, status) in [
        ("cross-site", 403),
        ("same-site", 200),
        ("same-origin", 200),
        ("none", 200),
    ] {
        let looked = in_a_browser(
            &app,
            Method::GET,
            "/cache/stats",
            &[("sec-fetch-site", site)],
        )
        .await;
        assert_eq!(looked.status, status, "{site}");
    }
}

/// A token is not added by a browser: who has it may send it from wherever it likes.
#[tokio::test]
async fn a_token_may_come_from_a_page_of_the_same_site() {
    let app = with_tokens(&memory());
    let token = format!("Bearer {SUPER}");
    let headers = [
        ("authorization", token.as_str()),
        ("host", "admin.shop.example"),
        ("origin", "https://console.shop.example"),
        ("sec-fetch-site", "same-site"),
    ];
    assert_eq!(
        send(&app, Method::DELETE, "/cache/clear", &headers)
            .await
            .status,
        200
    );
}
