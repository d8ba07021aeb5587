//! Figures for Prometheus: what the repository's `ops/` has alerts and a dashboard for.

use std::sync::LazyLock;
use std::time::Duration;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use cache_runtime::metrics::DURATION_BUCKETS;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::AppState;

/// One recorder in a process, made at first use.
static PROMETHEUS: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    install()
        .inspect_err(|error| tracing::error!(%error, "no figures"))
        .ok()
});

fn install() -> Result<PrometheusHandle, BuildError> {
    let durations = Matcher::Suffix("_duration_seconds".into());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(durations, &DURATION_BUCKETS)?
        .install_recorder()?;
    cache_runtime::metrics::describe();
    Ok(handle)
}

/// `GET /metrics`.
pub fn routes() -> Router<AppState> {
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
