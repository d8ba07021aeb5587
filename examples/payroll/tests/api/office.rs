//! One office for all tests, and clients that talk to it.

use std::sync::{LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum_extra::extract::cookie::Key;
use cache_runtime::CacheConfig;
use cache_runtime::http::{AdminConfig, CacheLayer};
use cache_tests::Edge;
use http_body_util::BodyExt as _;
use payroll::AppState;
use payroll::db::Db;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// Runs one test at a time against the one office of this process, its cache empty.
///
/// Keys say nothing of the database behind them, as there is one in a service; two offices at once would answer for each
/// other. One runtime serves all tests, because the cache's tasks live on it.
pub(crate) fn test(body: impl AsyncFnOnce(Client)) {
    static OFFICE: LazyLock<(Runtime, AppState)> = LazyLock::new(|| {
        let runtime = Runtime::new().expect("a runtime");
        let state = runtime.block_on(start());
        (runtime, state)
    });
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, state) = &*OFFICE;
    runtime.block_on(async {
        let _ = cache_runtime::cache().clear().await;
        let operators = AdminConfig::new()
            .admin_token(ADMIN)
            .super_admin_token(SUPER_ADMIN);
        body(Client::of(state.clone(), operators)).await;
    });
}

async fn start() -> AppState {
    cache_runtime::init(CacheConfig::default().without_redis()).expect("defaults are valid");
    let db = Db::open("sqlite::memory:")
        .await
        .expect("a database in memory");
    AppState {
        db,
        session_key: Key::generate(),
    }
}

/// The tokens of this office's operators.
pub(crate) const ADMIN: &str = "one who may look and remove";
pub(crate) const SUPER_ADMIN: &str = "one who may clear as well";

/// Somebody who sends requests: a stranger, or signed in.
#[derive(Clone)]
pub(crate) struct Client {
    state: AppState,
    router: Router,
    headers: Vec<(&'static str, String)>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// What `Cache-Status` tells of one cached call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) key: String,
    pub(crate) is_hit: bool,
    pub(crate) ttl: u64,
}

impl Client {
    fn of(state: AppState, operators: AdminConfig) -> Self {
        let told = CacheLayer::new().each_call().keys();
        Self {
            router: payroll::app(state.clone(), operators, told),
            state,
            headers: Vec::new(),
        }
    }

    /// The same office, started with other operators.
    pub(crate) fn where_operators_are(&self, operators: AdminConfig) -> Self {
        Self::of(self.state.clone(), operators)
    }

    /// The same office, used by somebody who has just signed in.
    pub(crate) async fn signed_in(&self, user_id: i64) -> Self {
        let body = json!({ "user_id": user_id });
        let answer = self.post("/api/session", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let cookie = answer.header(header::SET_COOKIE.as_str());
        self.with("cookie", cookie.split(';').next().unwrap_or_default())
    }

    /// Every kind of shared cache that is installed, in front of this office.
    pub(crate) async fn edges(&self) -> Vec<Edge> {
        Edge::all_in_front_of(self.router.clone()).await
    }

    /// The cookie of who signed in; empty for a stranger.
    pub(crate) fn cookie(&self) -> &str {
        let cookie = self.headers.iter().find(|(name, _)| *name == "cookie");
        cookie.map(|(_, value)| &**value).unwrap_or_default()
    }

    /// The same, with a header more.
    pub(crate) fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut other = self.clone();
        other.headers.push((name, value.into()));
        other
    }

    /// The same, with an operator's token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = match body {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).expect("a request");
        let router = self.router.clone();
        let response = router.oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = str::from_utf8(&bytes).unwrap_or_default();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(text)),
        }
    }
}

impl Answer {
    /// A header's text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn sql(&self) -> u32 {
        self.header("x-sql")
            .parse()
            .expect("every answer says how much SQL it took")
    }

    pub(crate) fn error_code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// The cached call that answered, behind those that checked who asks.
    pub(crate) fn call(&self) -> Call {
        let told = self.header("cache-status");
        let last = told.rsplit(", ").next().unwrap_or_default();
        let value = |name: &str| {
            let part = last.split("; ").find_map(|part| part.strip_prefix(name));
            part.unwrap_or_default().trim_matches('"').to_owned()
        };
        Call {
            key: value("key="),
            is_hit: last.contains("; hit"),
            ttl: value("ttl=").parse().unwrap_or_default(),
        }
    }
}
