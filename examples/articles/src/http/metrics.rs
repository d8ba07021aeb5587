//! Figures for Prometheus: the cache's own, and how long requests took.

use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use cache_runtime::metrics::DURATION_BUCKETS;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::Instant;

use super::AppState;

const REQUESTS: &str = "request_duration_seconds";

/// One recorder in a process, made at first use.
static PROMETHEUS: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    install()
        .inspect_err(|error| tracing::error!(%error, "no figures"))
        .ok()
});

fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_duration_seconds".into()),
            &DURATION_BUCKETS,
        )?
        .install_recorder()?;
    cache_runtime::metrics::describe();
    ::metrics::describe_histogram!(
        REQUESTS,
        ::metrics::Unit::Seconds,
        "how long requests took, by route and by what the cache did for them"
    );
    Ok(handle)
}

/// `GET /metrics`.
pub(super) fn routes() -> Router<AppState> {
    LazyLock::force(&PROMETHEUS);
    Router::new().route("/metrics", routing::get(figures))
}

/// Says nothing of users or keys; keep it from the public all the same.
async fn figures() -> Response {
    cache_runtime::cache().publish_metrics();
    let text = PROMETHEUS.as_ref().map(PrometheusHandle::render);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text.unwrap_or_default()).into_response()
}

/// Durations wait until somebody fetches them. Nobody may, so they are summed up now and then.
pub async fn keep_up() {
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        if let Some(handle) = &*PROMETHEUS {
            handle.run_upkeep();
        }
    }
}

/// Middleware: how long each request took. Its labels are written in this program, whatever was
/// asked: routes, not paths.
pub(super) async fn time_requests(request: Request, next: Next) -> Response {
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let response = next.run(request).await;
    let path = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let labels = [
        ("method", method.to_owned()),
        ("path", path.to_owned()),
        ("cache_status", cache_status(&response).to_owned()),
    ];
    ::metrics::histogram!(REQUESTS, &labels).record(began.elapsed());
    response
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// What `X-Cache` says; `none` where nothing cached was called.
fn cache_status(response: &Response) -> &'static str {
    let said = response.headers().get("x-cache");
    match said.map(|said| said.as_bytes()) {
        Some(b"HIT") => "hit",
        Some(b"STALE") => "stale",
        Some(b"MISS") => "miss",
        Some(b"BYPASS") => "bypass",
        _ => "none",
    }
}
