//! `/api/cache`: looking after the cache, in the form that the office's tools expect of every route of theirs:
//! `{"success": …, "data": …}`. The framework's own routes are under `/admin`: figures by function, the hottest keys, removals
//! that are counted first, and a page for all of it.
//!
//! Both stand behind one gate, so that wrong tokens are counted together.

use std::fmt;
use std::time::Instant;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use cache_runtime::http::{AdminGate, AdminRefusal, Role};
use cache_runtime::{Invalidation, Pattern, cache};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Health is for everybody, stats and invalidation for an admin, a clear for a super admin.
pub fn routes<S: Clone + Send + Sync + 'static>(gate: AdminGate) -> Router<S> {
    Router::new()
        .route("/api/cache/stats", routing::get(stats))
        .route("/api/cache/invalidate", routing::post(invalidate))
        .route("/api/cache/health", routing::get(health))
        .route("/api/cache/clear", routing::delete(clear))
        .with_state(gate)
}

/// What went well. Nobody on the way keeps it.
#[derive(Debug, Serialize)]
struct Done<T> {
    success: bool,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

impl<T> From<T> for Done<T> {
    fn from(data: T) -> Self {
        Self {
            success: true,
            data,
            metadata: None,
        }
    }
}

impl<T: Serialize> IntoResponse for Done<T> {
    fn into_response(self) -> Response {
        unkept(Json(self).into_response())
    }
}

/// What did not: `{"success": false, "error": {"code": …, "message": …}}`.
#[derive(Debug)]
enum Refused {
    /// `401`, `403`, `429`
    AtTheGate(AdminRefusal),
    /// `400`
    Senseless(String),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (code, message, response) = match self {
            Self::AtTheGate(refusal) => (
                refusal.code(),
                refusal.message().to_owned(),
                refusal.into_response(),
            ),
            Self::Senseless(message) => {
                let response = (StatusCode::BAD_REQUEST, Json(())).into_response();
                ("invalid", message, response)
            }
        };
        // Its status and headers, such as `Retry-After`; the body is ours.
        let (parts, _) = response.into_parts();
        let error = json!({ "code": code, "message": message });
        let body = format!(r#"{{"success":false,"error":{error}}}"#);
        unkept(Response::from_parts(parts, Body::from(body)))
    }
}

impl From<AdminRefusal> for Refused {
    fn from(refusal: AdminRefusal) -> Self {
        Self::AtTheGate(refusal)
    }
}

impl Refused {
    fn senseless(why: impl fmt::Display) -> Self {
        Self::Senseless(why.to_string())
    }
}

fn unkept(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// The figures. Those of Redis are `null` where there is none, or while it is away.
#[derive(Debug, Serialize)]
struct Stats {
    status: &'static str,
    /// In Redis, while that is there; else in the memory of the process that answers.
    total_entries: u64,
    cache_hits: u64,
    cache_misses: u64,
    hit_rate_percent: f64,
    redis_memory: Option<String>,
    redis_keys_total: Option<u64>,
}

/// Where the figures come from.
#[derive(Debug, Serialize)]
struct Metadata {
    timestamp: String,
    /// Hits and misses are those of one process.
    instance: String,
    started_at: String,
    backend: &'static str,
    /// Removals that Redis has not heard of yet.
    pending_invalidations: usize,
}

async fn stats(State(gate): State<AdminGate>, parts: Parts) -> Result<Done<Stats>, Refused> {
    gate.admit(&parts, Role::Admin)?;
    let cache = cache();
    let (health, redis_usage) = tokio::join!(cache.health(), cache.redis_usage());
    let in_memory = health.stats.memory_cache_size as u64;
    let started = i128::from(cache.instance().started_at_ms) * 1_000_000;
    Ok(Done {
        success: true,
        data: Stats {
            status: match health.status.as_str() {
                "healthy" => "available",
                other => other,
            },
            total_entries: redis_usage.map_or(in_memory, |redis_usage| redis_usage.ours),
            cache_hits: health.stats.hits,
            cache_misses: health.stats.misses,
            hit_rate_percent: health.stats.hit_rate_percent,
            redis_memory: redis_usage
                .and_then(|redis_usage| redis_usage.memory)
                .map(human),
            redis_keys_total: redis_usage.map(|redis_usage| redis_usage.keys),
        },
        metadata: Some(Metadata {
            timestamp: rfc3339(OffsetDateTime::now_utc()),
            instance: cache.instance().id.clone(),
            started_at: OffsetDateTime::from_unix_timestamp_nanos(started)
                .map_or_else(|_| String::new(), rfc3339),
            backend: health.backend,
            pending_invalidations: cache.journal_len(),
        }),
    })
}

/// `preview` and the like belong to the routes under `/admin`; who sends it here would remove what was to be counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    pattern: String,
}

#[derive(Debug, Serialize)]
struct Invalidated {
    success: bool,
    message: &'static str,
    deleted_count: u64,
    /// As it was sent.
    pattern: String,
}

// cache-map: removes *
async fn invalidate(
    State(gate): State<AdminGate>,
    parts: Parts,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Done<Invalidated>, Refused> {
    let role = gate.admit(&parts, Role::Admin)?;
    let Query(Wanted { pattern }) = query.map_err(|why| Refused::senseless(why.body_text()))?;
    let parsed = Pattern::parse(&pattern).map_err(Refused::senseless)?;
    if parsed.is_clear() {
        gate.admit(&parts, Role::SuperAdmin)?;
    }
    let done = cache().invalidate_pattern(&pattern).await;
    let done = done.map_err(Refused::senseless)?;
    tracing::info!(%pattern, removed = done.removed, ?role, "the cache was invalidated by hand");
    let message = told(
        done,
        "Cache invalidation completed",
        "Cache invalidation completed here; Redis is away and follows when it is back",
    );
    Ok(Done::from(Invalidated {
        success: true,
        message,
        deleted_count: done.removed,
        pattern,
    }))
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    message: &'static str,
    /// Of a command to Redis; without Redis, of this look at memory.
    response_time_ms: f64,
    backend: &'static str,
}

/// For everybody, and always `200`: an office whose Redis is away is slower, not ill.
async fn health() -> Done<Health> {
    let began = Instant::now();
    let health = cache().health().await;
    let of_memory = began.elapsed().as_micros() as f64 / 1000.0;
    Done::from(Health {
        status: health.status.as_str(),
        message: match health.status.as_str() {
            "healthy" => "Cache system operational",
            _ => "Redis is away; the cache goes on in memory",
        },
        response_time_ms: health.latency_ms.unwrap_or(of_memory),
        backend: health.backend,
    })
}

#[derive(Debug, Serialize)]
struct Cleared {
    success: bool,
    message: &'static str,
    timestamp: String,
}

async fn clear(State(gate): State<AdminGate>, parts: Parts) -> Result<Done<Cleared>, Refused> {
    gate.admit(&parts, Role::SuperAdmin)?;
    let done = cache().clear().await;
    tracing::info!(removed = done.removed, "the cache was cleared by hand");
    let message = told(
        done,
        "Cache cleared successfully",
        "Cache cleared here; Redis is away and follows when it is back",
    );
    Ok(Done::from(Cleared {
        success: true,
        message,
        timestamp: rfc3339(OffsetDateTime::now_utc()),
    }))
}

fn told(done: Invalidation, everywhere: &'static str, here: &'static str) -> &'static str {
    if done.is_durable() { everywhere } else { here }
}

/// `2025-11-22T10:30:00Z`
fn rfc3339(at: OffsetDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_default()
}

/// `15.5M`, as Redis itself writes it but for a decimal.
fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["K", "M", "G", "T"] {
        // What would be written as 1024.0 is one of the next.
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    format!("{value:.1}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_written_for_people() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (1_048_575, "1.0M"),
            (16_252_928, "15.5M"),
            (5 << 30, "5.0G"),
            (1 << 50, "1024.0T"),
        ] {
            assert_eq!(human(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn a_moment_is_written_to_the_second() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_763_807_400_987_654_321);
        assert_eq!(at.map(rfc3339).as_deref(), Ok("2025-11-22T10:30:00Z"));
    }
}
