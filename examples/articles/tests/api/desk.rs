//! One service for all tests, and who asks it: over HTTP, or behind its back.

use std::sync::{LazyLock, Mutex, PoisonError};

use articles::db::Db;
use articles::http::{AppState, app};
use articles::service::ArticleService;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use cache_runtime::http::AdminConfig;
use cache_runtime::{CacheConfig, CacheKey};
use cache_tests::Edge;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// Runs one test at a time against the one service of this process, its cache empty, and gone what
/// other tests wrote.
///
/// Keys say nothing of the database behind them, as there is one in a service; two at once would
/// answer for each other. One runtime serves all tests, because the cache's tasks live on it.
pub(crate) fn test(body: impl AsyncFnOnce(Desk)) {
    static DESK: LazyLock<(Runtime, Desk)> = LazyLock::new(|| {
        let runtime = Runtime::new().expect("a runtime");
        let desk = runtime.block_on(Desk::open());
        (runtime, desk)
    });
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, desk) = &*DESK;
    runtime.block_on(async {
        desk.behind_its_back(
            "DROP TRIGGER IF EXISTS no_update; DROP TRIGGER IF EXISTS no_delete; \
             DELETE FROM articles WHERE id > 5000; DELETE FROM users WHERE id > 500",
        )
        .await;
        let _ = cache_runtime::cache().clear().await;
        body(desk.clone()).await;
    });
}

/// The tokens of this service's operators.
pub(crate) const ADMIN: &str = "one who may look and remove";
pub(crate) const SUPER_ADMIN: &str = "one who may clear as well";

/// Where tests ask.
#[derive(Clone)]
pub(crate) struct Desk {
    /// What the handlers call.
    pub(crate) service: ArticleService,
    router: Router,
    db: Db,
    token: Option<&'static str>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Desk {
    async fn open() -> Self {
        cache_runtime::init(CacheConfig::default().without_redis()).expect("defaults are valid");
        let db = Db::open("sqlite::memory:").await;
        let db = db.expect("a database in memory");
        let service = ArticleService::new(db.clone());
        let state = AppState {
            service: service.clone(),
        };
        let operators = AdminConfig::new()
            .admin_token(ADMIN)
            .super_admin_token(SUPER_ADMIN);
        Self {
            service,
            router: app(state, operators),
            db,
            token: None,
        }
    }

    /// Every kind of shared cache that is installed, in front of this service.
    pub(crate) async fn edges(&self) -> Vec<Edge> {
        Edge::all_in_front_of(self.router.clone()).await
    }

    /// The same, with an operator's token.
    pub(crate) fn with_token(&self, token: &'static str) -> Self {
        Self {
            token: Some(token),
            ..self.clone()
        }
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

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = request.body(body).expect("a request");
        let response = self.router.clone().oneshot(request).await;
        let (parts, body) = response.expect("infallible").into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(text())),
        }
    }

    /// Runs a statement that the service, and so its cache, knows nothing of.
    pub(crate) async fn behind_its_back(&self, sql: &'static str) {
        let done = sqlx::raw_sql(sql).execute(self.db.pool()).await;
        done.expect("a statement that the database takes");
    }
}

impl Answer {
    /// A header's text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    pub(crate) fn x_cache(&self) -> &str {
        self.header("x-cache")
    }

    pub(crate) fn error_code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> i64 {
        self.body["id"].as_i64().expect("a row with an id")
    }
}

/// Which of these keys have an entry.
pub(crate) async fn cached<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for key in keys {
        if cache_runtime::cache().exists(CacheKey::new(key)).await {
            found.push(*key);
        }
    }
    found
}

/// An article that the service accepts.
pub(crate) fn an_article(title: &str) -> Value {
    json!({ "author_id": 3, "title": title, "body": "They burn.", "tags": ["lamps"] })
}

/// A change that the service accepts.
pub(crate) fn a_text(title: &str) -> Value {
    json!({ "title": title, "body": "They still burn.", "tags": ["wicks"] })
}
