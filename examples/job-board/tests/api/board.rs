//! One job board for all tests, and clients that talk to it.

use std::sync::{LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum_extra::extract::cookie::Key;
use cache_runtime::CacheConfig;
use cache_runtime::http::AdminConfig;
use cache_tests::Edge;
use http_body_util::BodyExt as _;
use job_board::AppState;
use job_board::db::Db;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// Runs one test at a time against the one board of this process, its cache empty.
///
/// Keys say nothing of the database behind them, as there is one in a service; two boards at once
/// would answer for each other. One runtime serves all tests, because the cache's tasks live on it.
pub(crate) fn test(body: impl AsyncFnOnce(Client)) {
    static BOARD: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
        let runtime = Runtime::new().expect("a runtime");
        let router = runtime.block_on(start());
        (runtime, router)
    });
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, router) = &*BOARD;
    runtime.block_on(async {
        let _ = cache_runtime::cache().clear().await;
        body(Client {
            router: router.clone(),
            cookie: None,
            headers: Vec::new(),
        })
        .await;
    });
}

async fn start() -> Router {
    cache_runtime::init(CacheConfig::default().without_redis()).expect("defaults are valid");
    let db = Db::open("sqlite::memory:")
        .await
        .expect("a database in memory");
    let state = AppState {
        outbox: db.outbox(cache_runtime::cache()),
        db,
        session_key: Key::generate(),
    };
    let operators = AdminConfig::new()
        .admin_token(ADMIN)
        .super_admin_token(SUPER_ADMIN);
    job_board::app(state, operators)
}

/// The tokens of this board's operators.
pub(crate) const ADMIN: &str = "one who may look and remove";
pub(crate) const SUPER_ADMIN: &str = "one who may clear as well";

/// Somebody who sends requests: anonymous, or signed in.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    cookie: Option<String>,
    headers: Vec<(&'static str, String)>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Client {
    /// The same board, seen by a user.
    pub(crate) async fn signed_in(&self, user_id: i64) -> Self {
        let answer = self
            .send(
                Method::POST,
                "/api/session",
                Some(json!({ "user_id": user_id })),
            )
            .await;
        let cookie = answer.header(header::SET_COOKIE.as_str());
        let cookie = cookie.split(';').next().unwrap_or_default();
        self.with_cookie(cookie)
    }

    pub(crate) fn with_cookie(&self, cookie: &str) -> Self {
        Self {
            cookie: Some(cookie.to_owned()),
            ..self.clone()
        }
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

    /// Every kind of shared cache that is installed, in front of this board.
    pub(crate) async fn edges(&self) -> Vec<Edge> {
        Edge::all_in_front_of(self.router.clone()).await
    }

    pub(crate) fn cookie(&self) -> &str {
        self.cookie.as_deref().unwrap_or_default()
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

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Asks until the answer comes from the cache, so that a later miss means a removal.
    pub(crate) async fn warm(&self, path: &str) -> Answer {
        self.get(path).await;
        let answer = self.get(path).await;
        assert!(
            answer.is_hit(),
            "{path} is not cached: {:?}",
            answer.headers
        );
        answer
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
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
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text(&bytes)),
        }
    }
}

/// What is not JSON.
fn text(bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok("") | Err(_) => Value::Null,
        Ok(text) => Value::from(text),
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

    /// From the cache, which shows in two ways: by its own word, and by no SQL.
    pub(crate) fn is_hit(&self) -> bool {
        let hit = self.header("x-cache") == "HIT";
        assert_eq!(
            hit,
            self.sql() == 0,
            "a hit runs no SQL: {:?}",
            self.headers
        );
        hit
    }

    pub(crate) fn error_code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> i64 {
        self.body["id"].as_i64().expect("a row with an id")
    }

    pub(crate) fn items(&self) -> &[Value] {
        self.body["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

/// A job that the API accepts.
pub(crate) fn a_job() -> Value {
    json!({
        "company": "Skagen Fyr", "title": "Lighthouse keeper", "description": "Keep the lamp burning.",
        "location": "Skagen", "category": "operations", "type": "contract",
        "salary_min": 40_000, "salary_max": 50_000, "remote": false
    })
}

/// A post that the API accepts.
pub(crate) fn a_post() -> Value {
    json!({ "title": "On lamps", "body": "They burn." })
}
