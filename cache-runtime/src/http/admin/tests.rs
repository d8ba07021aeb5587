use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use http::Method;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::CacheConfig;

const ROUTES: [(Method, &str); 11] = [
    (Method::GET, "/cache/health"),
    (Method::GET, "/cache/stats"),
    (Method::GET, "/cache/functions"),
    (Method::GET, "/cache/history"),
    (Method::GET, "/cache/entry"),
    (Method::GET, "/cache/hottest"),
    (Method::GET, "/cache/recent"),
    (Method::POST, "/cache/invalidate"),
    (Method::DELETE, "/cache/clear"),
    (Method::GET, "/cache/dashboard"),
    (Method::GET, "/cache/openapi.json"),
];

async fn ask(method: Method, path: &str) -> Response {
    let cache = Cache::new(CacheConfig::default()).unwrap();
    let router: Router = admin_router(AdminConfig::new().cache(&cache));
    let request = http::Request::builder().method(method).uri(path);
    router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_description_names_every_route_and_nothing_else() {
    let description: Value = serde_json::from_str(OPENAPI).unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let routes = ROUTES.map(|(method, path)| (method.to_string(), path.to_owned()));
    assert_eq!(described, BTreeSet::from(routes));
    for (method, path) in ROUTES {
        let status = ask(method, path).await.status();
        assert!(
            status == StatusCode::OK || status == StatusCode::FORBIDDEN,
            "{path}: {status}"
        );
    }
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    fn check(all: &Value, part: &Value) {
        match part {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let pointer = to.strip_prefix('#').unwrap();
                    assert!(all.pointer(pointer).is_some(), "{to}");
                }
                members.values().for_each(|member| check(all, member));
            }
            Value::Array(members) => members.iter().for_each(|member| check(all, member)),
            _ => {}
        }
    }
    let description: Value = serde_json::from_str(OPENAPI).unwrap();
    check(&description, &description);
}

#[tokio::test]
async fn the_description_knows_every_counter() {
    let description: Value = serde_json::from_str(OPENAPI).unwrap();
    let described = description["components"]["schemas"]["Counters"]["properties"].as_object();
    let counted = serde_json::to_value(crate::CacheStats::default()).unwrap();
    for name in counted.as_object().unwrap().keys() {
        assert!(
            described.unwrap().contains_key(name),
            "openapi.json lacks the counter {name}"
        );
    }
}

#[tokio::test]
async fn the_page_brings_everything_with_it_and_runs_nothing_else() {
    let response = ask(Method::GET, "/cache/dashboard").await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    let page = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let page = String::from_utf8(page.into()).unwrap();
    for outside in [
        "http://",
        "https://",
        "//cdn",
        "@import",
        "src=",
        "url(",
        "innerHTML",
        "eval(",
        "localStorage",
        "sessionStorage",
    ] {
        assert!(
            !page
                .replace("http://www.w3.org/2000/svg", "")
                .contains(outside),
            "{outside}"
        );
    }
    // There is no handler or style that the nonce does not cover.
    for inline in [" onclick", " onload", " style=\"", "javascript:"] {
        assert!(!page.contains(inline), "{inline}");
    }
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap();
    assert_eq!(
        page.matches(&format!("nonce=\"{nonce}\"")).count(),
        2,
        "a style and a script"
    );
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(page.len() < 96 * 1024, "{}", page.len());
    let again = ask(Method::GET, "/cache/dashboard").await;
    assert_ne!(
        again.headers()["content-security-policy"].to_str().unwrap(),
        policy
    );
}
