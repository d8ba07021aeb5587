use axum::http::StatusCode;
use axum::response::Response;
use axum::Json;
use cache_runtime::{cached, TimedOut};

#[cached(ttl = "list", key = "feed", public)]
async fn feed() -> Json<u64> {
    Json(1)
}

#[cached(ttl = "list", key = "posts:<reader>", public = reader.is_none(), vary = "Cookie")]
async fn posts(reader: Option<u64>) -> Option<u64> {
    reader
}

#[cached(ttl = "list", key = "help:<language>", public = true, vary = ["accept-language", "x-tenant"], stale = "1m")]
async fn help(language: &str) -> String {
    language.to_owned()
}

#[cached(ttl = "list", key = "page:<id>", statuses = [404, 410])]
async fn page(id: u64) -> (StatusCode, Json<u64>) {
    (StatusCode::NOT_FOUND, Json(id))
}

#[cached(ttl = "list", key = "whole:<id>", statuses = 404, when = |answer| answer.status() == 404)]
async fn whole(id: u64) -> Response {
    Response::new(id.to_string().into())
}

#[cached(ttl = "list", key = "found:<id>", statuses = 404, timeout = "1s", stale_on_error = "1h")]
async fn found(id: u64) -> Result<Response, Slow> {
    Ok(Response::new(id.to_string().into()))
}

struct Slow;

impl From<TimedOut> for Slow {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

fn main() {}
