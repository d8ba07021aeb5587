//! The same over Redis: another process sends what the first one has prepared.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use cache_runtime::CacheConfig;
use cache_runtime::http::CacheLayer;
use cache_tests::{RedisServer, eventually};

use super::get;
use super::handlers::{behind, json};
use crate::service::Service;

const SOON: Duration = Duration::from_secs(10);

/// A process: its own memory and connection.
struct Process {
    service: Service,
    app: Router,
}

impl Process {
    async fn on(server: &RedisServer) -> Self {
        let config = CacheConfig::default().redis_url(server.url()).budget(SOON);
        let service = Service::with(config);
        let app = behind(&service, CacheLayer::new().cache(&service.cache));
        eventually(SOON, "a connection", async || {
            let health = service.cache.health().await;
            health.stats.redis_available.then_some(())
        })
        .await;
        Self { service, app }
    }

    async fn has_stored(&self, stores: u64) {
        eventually(SOON, "a store", async || {
            (self.service.cache.stats().stores >= stores).then_some(())
        })
        .await;
    }

    fn runs(&self) -> u32 {
        self.service.runs.load(SeqCst)
    }
}

#[tokio::test]
async fn another_process_sends_the_same_bytes_and_etags_without_running_the_body() {
    let server = RedisServer::start();
    let (one, other) = (Process::on(&server).await, Process::on(&server).await);
    for (stores, path) in (1..).zip(["/rows/100", "/response/100"]) {
        let miss = get(&one.app, path, &[]).await;
        one.has_stored(stores).await;
        let redis_hits = other.service.cache.stats().redis_hits;
        for accept in ["", "gzip", "zstd"] {
            let headers = [("accept-encoding", accept)];
            let here = get(&one.app, path, &headers).await;
            let there = get(&other.app, path, &headers).await;
            assert_eq!(there.header("x-cache"), "HIT", "{path}");
            assert_eq!(there.body, here.body, "{path} {accept}");
            assert_eq!(there.decoded(), json(100), "{path} {accept}");
            for name in ["etag", "content-encoding", "content-type", "vary"] {
                assert_eq!(
                    there.headers.get(name),
                    here.headers.get(name),
                    "{path} {name}"
                );
            }
        }
        assert!(
            other.service.cache.stats().redis_hits > redis_hits,
            "{path}"
        );
        let known = [("if-none-match", miss.header("etag"))];
        let known = get(&other.app, path, &known).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED, "{path}");
    }
    assert_eq!((one.runs(), other.runs()), (2, 0));
}

/// As in a rolling deploy from one to the other, in either order.
#[tokio::test]
async fn an_entry_of_json_and_one_of_its_text_are_misses_for_each_other() {
    let server = RedisServer::start();
    let (old, new) = (Process::on(&server).await, Process::on(&server).await);
    for round in 1..=3 {
        for (process, path) in [(&old, "/as-before"), (&new, "/as-text")] {
            let miss = get(&process.app, path, &[]).await;
            assert_eq!((miss.header("x-cache"), miss.decoded()), ("MISS", json(50)));
            process.has_stored(round).await;
            assert_eq!(u64::from(process.runs()), round, "{path}");
            let hit = get(&process.app, path, &[]).await;
            assert_eq!((hit.header("x-cache"), hit.decoded()), ("HIT", json(50)));
        }
    }
}

#[tokio::test]
async fn damaged_bytes_are_a_miss() {
    let server = RedisServer::start();
    let process = Process::on(&server).await;
    get(&process.app, "/rows/30", &[]).await;
    process.has_stored(1).await;
    let good = server.cli(&["GET", "rows:30"]).bytes().to_vec();
    let mut runs = process.runs();
    // A bit in each byte of the payload's frame, and here and there in the text and its compressed forms.
    let near = 104..200;
    let far = (200..good.len()).step_by(97);
    for at in near.chain(far).chain([good.len() - 1]) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        server.cli(&[b"SET".as_slice(), b"rows:30", &bytes]);
        let answer = get(&process.app, "/rows/30", &[("accept-encoding", "gzip")]).await;
        assert_eq!(answer.decoded(), json(30));
        assert!(process.runs() > runs, "byte {at} was overlooked");
        runs = process.runs();
    }
    for length in [0, 104, 110, 130, good.len() - 1] {
        server.cli(&[b"SET".as_slice(), b"rows:30", &good[..length]]);
        assert_eq!(get(&process.app, "/rows/30", &[]).await.decoded(), json(30));
    }
}
