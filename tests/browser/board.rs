//! A service worth looking at: jobs and posts behind a cache with a Redis of its own, and the operator's routes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use cache_runtime::http::{AdminConfig, CacheLayer, admin_router};
use cache_runtime::{Cache, CacheConfig, cached};
use cache_tests::{RedisServer, eventually, wait_until};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::time::sleep;
use tower::ServiceExt as _;

use crate::page::{Key, Page};

pub(crate) const TOKEN: &str = "an operator's token of some length";

pub(crate) const SUPER: &str = "a super admin's token of some length";

/// How long the service may take for something that takes a moment.
const SOON: Duration = Duration::from_secs(20);

#[cached(ttl = "10m", key = "jobs:<id>", cache = cache.clone(), skip(cache))]
async fn job(State(cache): State<Cache>, Path(id): Path<String>) -> Json<String> {
    sleep(Duration::from_millis(5)).await;
    Json(format!("job {id}"))
}

/// Of one test alone: a process counts by function, for all tests that it runs.
#[cached(ttl = "10m", key = "posts:<id>", cache = cache.clone(), skip(cache))]
async fn post(State(cache): State<Cache>, Path(id): Path<String>) -> Json<String> {
    sleep(Duration::from_millis(5)).await;
    Json(format!("post {id}"))
}

/// The service, served on a loopback port for as long as this lives.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) redis: RedisServer,
    pub(crate) app: Router,
    pub(crate) cache: Cache,
    address: SocketAddr,
    pub(crate) runtime: Runtime,
}

impl Board {
    /// Serves, and is connected to its Redis.
    pub(crate) fn open() -> Self {
        let redis = RedisServer::start();
        // On threads of its own: the tests only look on.
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (app, cache, address) = runtime.block_on(serve(&redis));
        Self {
            redis,
            app,
            cache,
            address,
            runtime,
        }
    }

    /// `scheme://host:port`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The dashboard in a browser, its door still shut; `None` where there is no browser.
    pub(crate) fn door(&self) -> Option<Page> {
        let mut page = Page::blank()?;
        page.visit(&format!("{}/cache/dashboard", self.origin()));
        ready(&mut page);
        Some(page)
    }

    /// The dashboard with the token given.
    pub(crate) fn inside(&self) -> Option<Page> {
        let mut page = self.door()?;
        enter(&mut page);
        Some(page)
    }

    /// The dashboard with the super admin's token given.
    pub(crate) fn inside_as_super_admin(&self) -> Option<Page> {
        let mut page = self.door()?;
        enter_as(&mut page, SUPER);
        Some(page)
    }

    /// Asks for `jobs/1` or the like; `HIT`, `MISS` and so on, as the answer says.
    #[track_caller]
    pub(crate) fn ask(&self, path: &str) -> String {
        let request = Request::get(format!("/{path}")).body(Body::empty());
        let request = request.expect("a request");
        let answer = self.runtime.block_on(self.app.clone().oneshot(request));
        let answer = answer.expect("a router answers");
        assert_eq!(answer.status(), StatusCode::OK);
        let said = answer.headers()["x-cache"].to_str().expect("a word");
        said.to_owned()
    }

    /// What an operator's route answers with, by the end of its path.
    #[track_caller]
    pub(crate) fn told(&self, route: &str) -> Value {
        let request = Request::get(format!("/cache/{route}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Body::empty())
            .expect("a request");
        let bytes = self.runtime.block_on(async {
            let answer = self.app.clone().oneshot(request).await;
            to_bytes(answer.expect("a router answers").into_body(), usize::MAX).await
        });
        serde_json::from_slice(&bytes.expect("a body")).expect("JSON")
    }

    /// Asks until the answer comes from the cache.
    #[track_caller]
    pub(crate) fn keep(&self, path: &str) {
        wait_until(SOON, "an answer to be kept", || {
            (self.ask(path) == "HIT").then_some(())
        });
    }
}

/// Waits for the focus, without which nothing can be written: a page has it some time after it is there.
pub(crate) fn ready(page: &mut Page) {
    page.until(
        "the field of the token to have the focus",
        "document.activeElement === $('token')",
    );
}

/// Gives the admin's token and waits until the page is open.
pub(crate) fn enter(page: &mut Page) {
    enter_as(page, TOKEN);
}

/// The same with another token.
pub(crate) fn enter_as(page: &mut Page, token: &str) {
    ready(page);
    page.write(token);
    page.press(Key::Enter);
    page.until("the door to open", "$('inside').checkVisibility()");
}

async fn serve(redis: &RedisServer) -> (Router, Cache, SocketAddr) {
    let config = CacheConfig::default()
        .redis_url(redis.url())
        .namespace("board")
        .budget(SOON);
    let cache = Cache::new(config).expect("a cache");
    eventually(SOON, "a connection", async || {
        cache.health().await.latency_ms.map(drop)
    })
    .await;
    let admin = AdminConfig::new()
        .cache(&cache)
        .admin_token(TOKEN)
        .super_admin_token(SUPER);
    let app = Router::new()
        .route("/jobs/{id}", get(job))
        .route("/posts/{id}", get(post))
        .layer(CacheLayer::new())
        .merge(admin_router(admin))
        .with_state(cache.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    // Ends with the runtime.
    tokio::spawn(axum::serve(listener, app.clone()).into_future());
    (app, cache, address)
}
