//! Compressed forms: which one a client gets, and how caches on the way tell them apart.

use axum::Router;
use axum::http::{Method, StatusCode};
use cache_runtime::CacheConfig;
use cache_runtime::http::CacheLayer;
use tower::Layer as _;

use super::handlers::{behind, json, routes};
use super::{ask, get};
use crate::service::Service;

const LONG: &str = "/rows/100";

#[tokio::test]
async fn the_client_gets_the_form_that_it_prefers() {
    let app = behind(&Service::new(), CacheLayer::new());
    let text = json(100);
    // The first answer is a miss: its forms are made before it is sent.
    for (accept, coding) in [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, zstd;q=0.4", "gzip"),
        ("gzip, identity;q=0", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip;q=0, *", "zstd"),
        ("br, deflate", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.2, identity;q=0.3", ""),
        ("", ""),
        // Nothing that is there is accepted.
        ("br, identity;q=0", ""),
    ] {
        let answer = get(&app, LONG, &[("accept-encoding", accept)]).await;
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
        assert_eq!(answer.decoded(), text, "{accept}");
        assert_eq!(answer.header("vary"), "accept-encoding", "{accept}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(
            answer.header("content-length"),
            answer.body.len().to_string()
        );
        assert_eq!(answer.body.len() < text.len() / 2, !coding.is_empty());
    }
    let silent = get(&app, LONG, &[]).await;
    assert_eq!(
        (silent.header("content-encoding"), silent.decoded()),
        ("", text)
    );
}

/// A router that is used as a service removes the body of the answer to a `HEAD` itself.
#[tokio::test]
async fn a_head_that_lost_its_body_further_inside_has_the_headers_of_the_get() {
    let inside = Router::new().merge(routes().with_state(Service::new()));
    let app = Router::new().fallback_service(CacheLayer::new().layer(inside));
    for accept in ["gzip", "identity"] {
        let headers = [("accept-encoding", accept)];
        let get = get(&app, LONG, &headers).await;
        let head = ask(&app, Method::HEAD, LONG, &headers).await;
        for name in ["etag", "content-encoding", "vary"] {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{name}");
        }
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), length);
        assert_eq!(head.body.len(), 0);
        let known = [headers[0], ("if-none-match", get.header("etag"))];
        let known = ask(&app, Method::HEAD, LONG, &known).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn each_form_has_an_etag_of_its_own() {
    for (layer, mark) in [
        (CacheLayer::new(), "W/\""),
        (CacheLayer::new().strong_etag(), "\""),
    ] {
        let app = behind(&Service::new(), layer);
        let mut etags = Vec::new();
        for accept in ["gzip", "zstd", "identity"] {
            let answer = get(&app, LONG, &[("accept-encoding", accept)]).await;
            let etag = answer.header("etag").to_owned();
            // Another version of a compressor may make other bytes of the same text.
            let mark = if accept == "identity" { mark } else { "W/\"" };
            assert!(etag.starts_with(mark), "{etag}");
            let head = ask(&app, Method::HEAD, LONG, &[("accept-encoding", accept)]).await;
            for name in ["etag", "content-length", "content-encoding", "vary"] {
                assert_eq!(head.headers.get(name), answer.headers.get(name), "{name}");
            }
            assert_eq!(head.body.len(), 0);
            etags.push(etag);
        }
        etags.sort();
        etags.dedup();
        assert_eq!(etags.len(), 3, "{etags:?}");
    }
    let app = behind(&Service::new(), CacheLayer::new().without_etag());
    let answer = get(
        &app,
        LONG,
        &[("accept-encoding", "gzip"), ("if-none-match", "*")],
    )
    .await;
    assert_eq!((answer.status, answer.header("etag")), (StatusCode::OK, ""));
    assert_eq!(answer.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn a_client_that_has_an_acceptable_form_gets_304_for_it() {
    let app = behind(&Service::new(), CacheLayer::new().strong_etag());
    let etag = async |accept| {
        let answer = get(&app, LONG, &[("accept-encoding", accept)]).await;
        answer.header("etag").to_owned()
    };
    let (gzip, zstd, plain) = (etag("gzip").await, etag("zstd").await, etag("").await);
    let both = format!("\"x\", W/{gzip}, {plain}");
    for (accept, has, known) in [
        ("gzip", gzip.as_str(), Some(&gzip)),
        ("gzip, zstd", &gzip, Some(&gzip)),
        ("gzip, zstd", &zstd, Some(&zstd)),
        ("gzip", &plain, Some(&plain)),
        ("gzip", &both, Some(&gzip)),
        ("", &both, Some(&plain)),
        ("gzip", "*", Some(&gzip)),
        // A shared cache must not send one client's form to another that cannot read it.
        ("", &gzip, None),
        ("gzip", &zstd, None),
        ("gzip, identity;q=0", &plain, None),
    ] {
        let headers = [("accept-encoding", accept), ("if-none-match", has)];
        let answer = get(&app, LONG, &headers).await;
        let what = format!("{accept:?} with {has}");
        assert_eq!(answer.header("vary"), "accept-encoding", "{what}");
        match known {
            Some(etag) => {
                assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{what}");
                assert_eq!(
                    (answer.header("etag"), answer.body.len()),
                    (etag.as_str(), 0),
                    "{what}"
                );
                assert_eq!(answer.header("content-encoding"), "", "{what}");
            }
            None => assert_eq!(
                (answer.status, answer.decoded()),
                (StatusCode::OK, json(100)),
                "{what}"
            ),
        }
    }
}

#[tokio::test]
async fn what_is_short_or_forbidden_or_does_not_fit_is_sent_as_text() {
    let gzip = [("accept-encoding", "gzip")];
    let length = json(100).len();
    for (config, path) in [
        (CacheConfig::default(), "/rows/10"),
        (CacheConfig::default().precompress_from(length + 1), LONG),
        // Only the text fits, and it is stored.
        (CacheConfig::default().max_value_bytes(length + 100), LONG),
    ] {
        let app = behind(&Service::with(config), CacheLayer::new());
        for word in ["MISS", "HIT"] {
            let answer = get(&app, path, &gzip).await;
            assert_eq!(answer.header("x-cache"), word);
            assert_eq!(
                (answer.header("content-encoding"), answer.header("vary")),
                ("", "")
            );
            assert!(!answer.header("etag").is_empty());
        }
    }
    let eager = Service::with(CacheConfig::default().precompress_from(length));
    let answer = get(&behind(&eager, CacheLayer::new()), LONG, &gzip).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn a_handler_s_own_etag_is_kept_and_is_that_of_the_text() {
    let app = behind(&Service::new(), CacheLayer::new());
    for _ in 0..2 {
        let answer = get(&app, "/own-etag", &[("accept-encoding", "gzip")]).await;
        assert_eq!(answer.header("etag"), "\"mine\"");
        assert_eq!(
            (answer.header("content-encoding"), answer.decoded()),
            ("", json(100))
        );
    }
    let known = get(&app, "/own-etag", &[("if-none-match", "\"mine\"")]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_large_text_is_compressed_too() {
    let app = behind(&Service::new(), CacheLayer::new());
    for word in ["MISS", "HIT"] {
        let answer = get(&app, "/rows/2000", &[("accept-encoding", "gzip")]).await;
        assert_eq!(answer.header("x-cache"), word);
        assert_eq!(answer.header("content-encoding"), "gzip");
        assert_eq!(answer.decoded(), json(2000));
    }
}

#[tokio::test]
async fn without_the_layer_the_text_is_sent() {
    let app = super::handlers::routes().with_state(Service::new());
    let answer = get(&app, LONG, &[("accept-encoding", "gzip")]).await;
    assert_eq!(
        (answer.header("content-encoding"), answer.decoded()),
        ("", json(100))
    );
    assert_eq!(answer.header("content-type"), "application/json");
}
