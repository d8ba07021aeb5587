//! HTTP routes for operators: health, counters, hot keys, recent removals, and removing entries.

mod answers;
mod config;
mod gate;
mod history;
mod origin;
mod page;
mod refusal;
mod token;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

pub use self::config::{AdminConfig, Role};
pub use self::gate::AdminGate;
pub use self::refusal::AdminRefusal;
use crate::cache::Cache;
use crate::cache::global;
use crate::error::Error;
use crate::key::Pattern;
use crate::telemetry::history::Range;

/// The OpenAPI description; a test compares it with the routes.
const OPENAPI: &str = include_str!("openapi.json");

/// The maximum number of characters of a pattern.
const LONGEST_PATTERN: usize = 1024;

/// Creates the routes for operators.
///
/// | route | for | |
/// |---|---|---|
/// | `GET /cache/health` | everybody | [`Health`](crate::Health) |
/// | `GET /cache/stats` | admin | the counters, both tiers, breaker and journal |
/// | `GET /cache/functions` | admin | the counters of each cached function; with `range=` also those of the last `15m`, `1h`, `6h` or `24h`, and their course |
/// | `GET /cache/history?range=` | admin | the course of the counters, of percentiles and of memory in the last `15m`, `1h`, `6h` or `24h`, the period before, and events of breaker, ledger and journal |
/// | `GET /cache/entry?key=` | admin | an entry: where it is, its state, age, TTL, size and tags. With `value=true` the value, for a super admin |
/// | `GET /cache/hottest` | admin | [`Cache::hottest_keys`] |
/// | `GET /cache/recent` | admin | [`Cache::recent_invalidations`] |
/// | `POST /cache/invalidate?pattern=` | admin | removes the entries that the [`Pattern`] covers; with `preview=true` only counts them |
/// | `DELETE /cache/clear` | super admin | removes every entry of the cache's namespace; a [pattern that is a clear](Pattern::is_clear) needs the same token |
/// | `GET /cache/dashboard` | everybody | a page that shows all of this; it asks for the token |
/// | `GET /cache/openapi.json` | everybody | the description of these routes |
///
/// Tokens are sent as `Authorization: Bearer …`. If no token is set, routes that need one answer `403`. Otherwise they
/// answer `401` without a token or with a wrong one, `403` if the role of the token does not suffice, and `429` to a
/// wrong token after ten others in a minute; a right token is always accepted. Actions are logged, tokens never.
/// [`AdminGate`] protects your own routes in the same way.
///
/// The counters are those of one process, and each answer identifies it ([`Instance`](crate::Instance)): behind a load
/// balancer, the next answer may come from another process. The dashboard shows the processes separately.
///
/// All routes work while Redis is unavailable; removals then answer `"durability": "queued"`.
///
/// ```
/// use axum::Router;
/// use cache_runtime::http::{AdminConfig, admin_router};
///
/// let app: Router = Router::new().merge(admin_router(AdminConfig::from_env()));
/// ```
///
/// To mount the routes below a path: `.nest("/api", admin_router(…))`.
pub fn admin_router<S>(gate: impl Into<AdminGate>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let gate = gate.into();
    let cache = (gate.config.cache)
        .clone()
        .unwrap_or_else(|| global::cache().clone());
    cache.watch(true);
    let admin = Arc::new(Admin { cache, gate });
    Router::new()
        .route("/cache/health", get(health))
        .route("/cache/stats", get(stats))
        .route("/cache/functions", get(functions))
        .route("/cache/history", get(history))
        .route("/cache/entry", get(entry))
        .route("/cache/hottest", get(hottest))
        .route("/cache/recent", get(recent))
        .route("/cache/invalidate", post(invalidate))
        .route("/cache/clear", delete(clear))
        .route("/cache/dashboard", get(dashboard))
        .route("/cache/openapi.json", get(openapi))
        .with_state(admin)
}

struct Admin {
    cache: Cache,
    gate: AdminGate,
}

type Answer<T> = Result<Unkept<Json<T>>, Unkept<AdminRefusal>>;

/// An answer that no browser or proxy may keep (`no-store`).
struct Unkept<T>(T);

impl<T: IntoResponse> IntoResponse for Unkept<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

impl<T> From<T> for Unkept<T> {
    fn from(answer: T) -> Self {
        Self(answer)
    }
}

impl Admin {
    fn admit(&self, request: Request, needed: Role) -> Result<(Role, Query), Unkept<AdminRefusal>> {
        let (parts, _) = request.into_parts();
        let role = self.gate.admit(&parts, needed)?;
        // The routes may have been built outside of a runtime, or on one that has ended.
        self.cache.keep_sampling();
        Ok((
            role,
            Query(parts.uri.query().unwrap_or_default().to_owned()),
        ))
    }
}

async fn health(State(admin): State<Arc<Admin>>) -> Unkept<Json<answers::HealthHere>> {
    admin.cache.keep_sampling();
    Unkept(Json(answers::health(&admin.cache).await))
}

async fn stats(State(admin): State<Arc<Admin>>, request: Request) -> Answer<answers::Stats> {
    let (role, _) = admin.admit(request, Role::Admin)?;
    Ok(Json(answers::stats(&admin.cache, role).await).into())
}

async fn functions(
    State(admin): State<Arc<Admin>>,
    request: Request,
) -> Answer<answers::Functions> {
    let (_, query) = admin.admit(request, Role::Admin)?;
    let range = query.range()?;
    Ok(Json(answers::functions(&admin.cache, range)).into())
}

async fn history(State(admin): State<Arc<Admin>>, request: Request) -> Answer<history::History> {
    let (_, query) = admin.admit(request, Role::Admin)?;
    let range = query.range()?.unwrap_or(Range::Hour);
    let history = history::history(&admin.cache, range).ok_or_else(|| {
        AdminRefusal::bad_request("no history is kept: `Cache::watch(false)` was called")
    })?;
    Ok(Json(history).into())
}

async fn entry(State(admin): State<Arc<Admin>>, request: Request) -> Answer<answers::Looked> {
    let (parts, _) = request.into_parts();
    let role = admin.gate.admit(&parts, Role::Admin)?;
    let query = Query(parts.uri.query().unwrap_or_default().to_owned());
    let (value, full) = (query.flag("value")?, query.flag("full")?);
    let Some(key) = query.of("key")? else {
        return Err(AdminRefusal::bad_request("`key` is missing").into());
    };
    if value {
        // A value may be about a person, so looking at one is not for everyone who may look at counters.
        admin.gate.admit(&parts, Role::SuperAdmin)?;
        tracing::info!(
            key,
            role = role.as_str(),
            "an administrator looked at a value"
        );
    }
    Ok(Json(answers::looked(&admin.cache, &key, value, full).await).into())
}

async fn hottest(State(admin): State<Arc<Admin>>, request: Request) -> Answer<answers::Hottest> {
    let (_, query) = admin.admit(request, Role::Admin)?;
    let limit = match query.of("limit")? {
        None => 20,
        Some(text) => match text.parse() {
            Ok(limit @ 1..=256) => limit,
            _ => {
                return Err(
                    AdminRefusal::bad_request("`limit`: give a number from 1 to 256").into(),
                );
            }
        },
    };
    Ok(Json(answers::Hottest {
        instance: admin.cache.instance().clone(),
        keys: admin.cache.hottest_keys(limit),
    })
    .into())
}

async fn recent(State(admin): State<Arc<Admin>>, request: Request) -> Answer<answers::Recent> {
    admin.admit(request, Role::Admin)?;
    Ok(Json(answers::Recent {
        instance: admin.cache.instance().clone(),
        invalidations: admin.cache.recent_invalidations(),
    })
    .into())
}

async fn invalidate(
    State(admin): State<Arc<Admin>>,
    request: Request,
) -> Answer<answers::Invalidated> {
    let (parts, _) = request.into_parts();
    let role = admin.gate.admit(&parts, Role::Admin)?;
    let query = Query(parts.uri.query().unwrap_or_default().to_owned());
    let preview = query.flag("preview")?;
    let Some(text) = query.of("pattern")? else {
        return Err(AdminRefusal::bad_request(
            "`pattern` is missing; `?pattern=user:*` is everything below `user:`",
        )
        .into());
    };
    if text.chars().count() > LONGEST_PATTERN {
        let message = format!("`pattern`: give at most {LONGEST_PATTERN} characters");
        return Err(AdminRefusal::bad_request(message).into());
    }
    let pattern =
        Pattern::parse(&text).map_err(|why| AdminRefusal::bad_request(why.to_string()))?;
    if pattern.is_clear() && !preview {
        // Such a pattern removes everything, so it needs the role of a clear.
        admin.gate.admit(&parts, Role::SuperAdmin)?;
    }
    if preview {
        let matching =
            (admin.cache.count_matching(&text).await).map_err(|error| refused(&error))?;
        tracing::debug!(pattern = %pattern, matching, role = role.as_str(), "an administrator counted the entries that a pattern would remove");
        return Ok(Json(answers::Invalidated::preview(text, matching)).into());
    }
    let done = (admin.cache.invalidate_pattern(&text).await).map_err(|error| refused(&error))?;
    tracing::info!(
        pattern = %pattern, removed = done.removed, durable = done.is_durable(), role = role.as_str(),
        "an administrator removed entries by pattern"
    );
    Ok(Json(answers::Invalidated::done(text, done)).into())
}

fn refused(error: &Error) -> AdminRefusal {
    AdminRefusal::bad_request(error.to_string())
}

async fn clear(
    State(admin): State<Arc<Admin>>,
    request: Request,
) -> Answer<crate::telemetry::invalidation::Invalidation> {
    let (role, _) = admin.admit(request, Role::SuperAdmin)?;
    let done = admin.cache.clear().await;
    tracing::info!(
        removed = done.removed,
        durable = done.is_durable(),
        role = role.as_str(),
        "an administrator cleared the cache"
    );
    Ok(Json(done).into())
}

async fn dashboard() -> Response {
    page::dashboard()
}

async fn openapi() -> Unkept<impl IntoResponse> {
    let json = HeaderValue::from_static("application/json");
    Unkept((StatusCode::OK, [(CONTENT_TYPE, json)], OPENAPI))
}

/// The query string of a URI.
struct Query(String);

impl Query {
    /// The time that is asked for.
    fn range(&self) -> Result<Option<Range>, AdminRefusal> {
        let Some(name) = self.of("range")? else {
            return Ok(None);
        };
        match Range::parse(&name) {
            Some(range) => Ok(Some(range)),
            None => Err(AdminRefusal::bad_request(
                "`range`: give `15m`, `1h`, `6h` or `24h`",
            )),
        }
    }

    /// A parameter that is `true` or `false`; false if it is absent.
    fn flag(&self, name: &str) -> Result<bool, AdminRefusal> {
        match self.of(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1" | "") => Ok(true),
            Some(_) => {
                let message = format!("`{name}`: give `true` or `false`");
                Err(AdminRefusal::bad_request(message))
            }
        }
    }

    /// The value of a parameter, which may occur at most once.
    fn of(&self, name: &str) -> Result<Option<String>, AdminRefusal> {
        let mut values = url::form_urlencoded::parse(self.0.as_bytes())
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.into_owned());
        let value = values.next();
        if values.next().is_some() {
            return Err(AdminRefusal::bad_request(format!(
                "the parameter `{name}` is given twice; give it once"
            )));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
