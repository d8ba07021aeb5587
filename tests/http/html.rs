//! `Html<T>` as the result of handlers.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Html;
use axum::routing::get as on_get;
use cache_runtime::http::CacheLayer;
use cache_runtime::testing::Scope;
use cache_runtime::{CacheConfig, assert_hit, assert_miss, cached};
use cache_tests::RedisServer;

use crate::client::{get, send};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[cached(ttl = "1m", key = "page:<name>", public)]
async fn page(Path(name): Path<String>) -> Html<String> {
    RUNS.fetch_add(1, SeqCst);
    Html(format!("<p>{name}</p>"))
}

#[cached(ttl = "1m", key = "found:<id>", none_ttl = "1s")]
async fn found(id: u32) -> Result<Option<Html<String>>, String> {
    match id {
        0 => Ok(None),
        1 => Err("no".to_owned()),
        id => Ok(Some(Html(format!("<p>{id}</p>")))),
    }
}

#[tokio::test]
async fn a_page_is_sent_from_the_cache_as_html_with_an_etag() {
    let app = Router::new()
        .route("/{name}", on_get(page))
        .layer(CacheLayer::new().cache_control())
        .layer(Scope::new().layer());
    let miss = get(&app, "/Zoë").await;
    let hit = get(&app, "/Zoë").await;
    assert_eq!(
        (RUNS.load(SeqCst), hit.header("x-cache")),
        (1, "HIT".to_owned())
    );
    assert_eq!(
        (&miss.body, &hit.body),
        (&hit.body, &"<p>Zoë</p>".to_owned())
    );
    assert_eq!(hit.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(hit.header("cache-control"), "public, max-age=60");
    let etag = hit.header("etag");
    let known = send(&app, Method::GET, "/Zoë", &[("if-none-match", &etag)]).await;
    assert_eq!(
        (known.status, known.body.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
}

#[tokio::test]
async fn another_process_reads_it_and_none_and_errors_are_as_ever() {
    let server = RedisServer::start();
    let scope = || {
        let config = CacheConfig::default().redis_url(server.url());
        Scope::with(config.budget(Duration::from_secs(10))).unwrap()
    };
    let (writer, reader) = (scope(), scope());
    writer
        .run(async {
            for id in 0..3 {
                let _ = assert_miss!(found(id));
            }
        })
        .await;
    writer.cache().close(Duration::from_secs(10)).await;
    reader
        .run(async {
            let html = assert_hit!(found(2)).unwrap().unwrap();
            assert_eq!(html.0, "<p>2</p>");
            assert_miss!(found(1)).unwrap_err();
        })
        .await;
}
