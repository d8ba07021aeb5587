//! A layer that compresses, around ours.

use axum::Router;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Version};
use axum::routing::get as on_get;
use cache_runtime::http::CacheLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};

use crate::client::send;
use crate::service::{Service, long};

/// As the documentation of `CacheLayer` says.
fn compressed() -> Router {
    let changed = |status: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| {
        status != StatusCode::NOT_MODIFIED
    };
    Router::new()
        .route("/long", on_get(long))
        .layer(CacheLayer::new().vary(["accept-encoding"]))
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(changed)))
        .with_state(Service::new())
}

#[tokio::test]
async fn a_304_behind_a_layer_that_compresses_has_no_encoding_of_its_own() {
    let app = compressed();
    let gzip = ("accept-encoding", "gzip");
    let first = send(&app, Method::GET, "/long", &[gzip]).await;
    let etag = first.header("etag");
    assert_eq!(first.header("content-encoding"), "gzip");
    assert!(etag.starts_with("W/"), "{etag}");

    let again = [gzip, ("if-none-match", etag.as_str())];
    let again = send(&app, Method::GET, "/long", &again).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert_eq!(
        (again.header("content-encoding"), again.body),
        Default::default()
    );
    assert_eq!(again.headers.get("content-length"), None);
    // As the answer that it stands for.
    for name in ["vary", "etag"] {
        assert_eq!(again.headers.get(name), first.headers.get(name));
    }
}
