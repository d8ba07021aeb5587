//! What a hit sends, and what it costs.

use std::sync::atomic::Ordering::SeqCst;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use cache_runtime::CacheConfig;
use cache_runtime::http::CacheLayer;
use http_body_util::BodyExt as _;

use super::handlers::{READ, WRITTEN, behind, counted, json, list, routes, rows};
use super::{ask, get};
use crate::service::Service;

#[tokio::test]
async fn a_hit_is_neither_decoded_nor_serialized() {
    let service = Service::new();
    let app = behind(&service, CacheLayer::new());
    let miss = get(&app, "/counted", &[]).await;
    assert_eq!(
        (miss.header("x-cache"), &miss.body[..]),
        ("MISS", &b"1"[..])
    );
    let before = (WRITTEN.load(SeqCst), READ.load(SeqCst));
    for _ in 0..3 {
        let hit = get(&app, "/counted", &[]).await;
        assert_eq!((hit.header("x-cache"), &hit.body), ("HIT", &miss.body));
        for name in ["etag", "content-type", "content-length"] {
            assert_eq!(hit.headers.get(name), miss.headers.get(name), "{name}");
        }
    }
    assert_eq!((WRITTEN.load(SeqCst), READ.load(SeqCst)), before);

    // The counters do count: a caller that wants the value gets it decoded.
    let value = counted(State(service)).await.into_inner().unwrap();
    assert_eq!((value.0, READ.load(SeqCst)), (1, before.1 + 1));
}

#[tokio::test]
async fn the_stored_etag_is_the_one_of_the_same_answer_without_the_cache() {
    let service = Service::new();
    let app = behind(&service, CacheLayer::new());
    let cached = get(&app, "/rows/20", &[]).await;
    // Credentials that the key does not contain: the cache is not used.
    let credentials = [("authorization", "Bearer x")];
    let other = Router::new()
        .route(
            "/rows/{count}",
            axum::routing::get(async |Path(count): Path<u32>| axum::Json(rows(count))),
        )
        .layer(CacheLayer::new());
    let plain = get(&other, "/rows/20", &credentials).await;
    assert_eq!(cached.body, plain.body);
    assert_eq!(plain.header("etag"), "", "no cached function was called");
    let response = get(&app, "/response/20", &[]).await;
    assert_eq!(cached.header("etag"), response.header("etag"));
    assert!(cached.header("etag").starts_with("W/\""));
}

#[tokio::test]
async fn head_and_304_have_the_headers_and_no_body() {
    let app = behind(&Service::new(), CacheLayer::new());
    for path in ["/rows/100", "/response/100"] {
        let first = get(&app, path, &[]).await;
        let etag = first.header("etag");
        for _ in 0..2 {
            let head = ask(&app, Method::HEAD, path, &[]).await;
            assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
            assert_eq!(head.header("content-length"), first.body.len().to_string());
            assert_eq!(head.header("etag"), etag);
            for method in [Method::GET, Method::HEAD] {
                let known = [("if-none-match", etag)];
                let known = ask(&app, method, path, &known).await;
                assert_eq!(known.status, StatusCode::NOT_MODIFIED, "{path}");
                assert_eq!((known.header("etag"), known.body.len()), (etag, 0));
                assert_eq!(known.header("content-length"), "");
            }
            let other = get(&app, path, &[("if-none-match", "\"other\"")]).await;
            assert_eq!((other.status, &other.body), (StatusCode::OK, &first.body));
        }
    }
}

/// Bytes that a hit allocates. The answer is not read, as by a server that writes it to a socket.
fn allocated_by_a_hit(path: &str, headers: &[(&str, &str)]) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let app = behind(&Service::new(), CacheLayer::new());
    let ask = || {
        runtime.block_on(async {
            assert!(get(&app, path, headers).await.status != StatusCode::NOT_FOUND);
        });
    };
    ask();
    ask();
    allocation_counter::measure(ask).bytes_total
}

#[test]
fn a_hit_copies_no_body() {
    let length = json(2000).len() as u64;
    let gzip = [("accept-encoding", "gzip")];
    for (path, headers) in [
        ("/rows/2000", &[][..]),
        ("/response/2000", &[]),
        ("/rows/2000", &gzip),
    ] {
        let bytes = allocated_by_a_hit(path, headers);
        assert!(bytes < length / 10, "{path}: {bytes} bytes for {length}");
    }
}

/// The layer hashes no body of more than 1 MiB, so this `ETag` can only be the stored one.
#[tokio::test]
async fn a_long_text_has_its_etag_because_it_was_made_when_it_was_stored() {
    let service = Service::with(CacheConfig::default().max_value_bytes(8 << 20));
    let app = behind(&service, CacheLayer::new());
    assert!(json(40_000).len() > 1 << 20);
    let (miss, hit) = (
        get(&app, "/rows/40000", &[]).await,
        get(&app, "/rows/40000", &[]).await,
    );
    assert_eq!((hit.header("x-cache"), &hit.body), ("HIT", &miss.body));
    assert!(!hit.header("etag").is_empty());
    assert_eq!(hit.header("etag"), miss.header("etag"));
}

/// If the layer believed the stored `ETag` whatever the body is, both answers would have the same.
#[tokio::test]
async fn a_body_that_was_changed_on_its_way_to_the_layer_gets_an_etag_of_its_own() {
    async fn reversed(response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let mut bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        bytes.reverse();
        Response::from_parts(parts, Body::from(bytes))
    }
    async fn unchanged(response: Response) -> Response {
        response.map(|body| Body::new(body.map_err(|error| error)))
    }
    let service = Service::new();
    let layer = CacheLayer::new;
    let plain = behind(&service, layer());
    let wrapped = routes().layer(map_response(unchanged)).layer(layer());
    let wrapped = wrapped.with_state(service.clone());
    let changed = routes().layer(map_response(reversed)).layer(layer());
    let changed = changed.with_state(service.clone());
    for path in ["/rows/100", "/response/100"] {
        get(&plain, path, &[]).await;
        let gzip = [("accept-encoding", "gzip")];
        let (plain, wrapped) = (
            get(&plain, path, &gzip).await,
            get(&wrapped, path, &gzip).await,
        );
        let changed = get(&changed, path, &gzip).await;
        assert_eq!(plain.header("etag"), wrapped.header("etag"), "{path}");
        assert_ne!(plain.header("etag"), changed.header("etag"), "{path}");
        assert_eq!(changed.header("content-encoding"), "", "{path}");
        let mut back = changed.body.to_vec();
        back.reverse();
        assert_eq!(Bytes::from(back), plain.decoded(), "{path}");
    }
}

#[tokio::test]
async fn concurrent_calls_share_one_load_and_its_text() {
    let service = Service::new();
    let calls = (0..20).map(|_| list(State(service.clone()), Path(3)));
    let texts: Vec<_> = futures(calls).await;
    for answer in texts {
        assert_eq!(answer.json().unwrap(), json(3));
    }
    assert_eq!(service.runs.load(SeqCst), 1);
}

async fn futures<F>(calls: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let tasks: Vec<_> = calls.map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
