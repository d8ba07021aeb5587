//! An operator's routes: who gets in, what they say, what they do.

mod access;
mod browser;
mod figures;
mod removing;

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use cache_runtime::http::{AdminConfig, admin_router};
use cache_runtime::{Cache, CacheConfig};
use serde_json::Value;

use crate::client::{Answer, send};

const ADMIN: &str = "an admin's token of some length";
const SUPER: &str = "a super admin's token of some length";

const MINUTE: Duration = Duration::from_secs(60);

fn memory() -> Cache {
    Cache::new(CacheConfig::default()).unwrap()
}

fn with_tokens(cache: &Cache) -> Router {
    admin_router(
        AdminConfig::new()
            .cache(cache)
            .admin_token(ADMIN)
            .super_admin_token(SUPER),
    )
}

async fn ask(app: &Router, method: Method, path: &str, token: Option<&str>) -> (StatusCode, Value) {
    let answer = answer(app, method, path, token).await;
    (
        answer.status,
        serde_json::from_str(&answer.body).expect("JSON"),
    )
}

async fn answer(app: &Router, method: Method, path: &str, token: Option<&str>) -> Answer {
    let header = token.map(|token| format!("Bearer {token}"));
    let header = header.as_deref().map(|value| ("authorization", value));
    let answer = send(app, method, path, header.as_slice()).await;
    assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    answer
}

async fn fill(cache: &Cache, keys: &[&str]) {
    for key in keys {
        cache.set(*key, &1, MINUTE).await.unwrap();
    }
}
