//! The refusal of an operator's request: a status, and JSON that says what to do.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why [`AdminGate::admit`](crate::http::admin::AdminGate::admit) refused a request.
///
/// It converts to a response with the status, its headers, and `{"error": {"code": …, "message": …}}`.
#[derive(Clone, Debug)]
pub struct AdminRefusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    wait: Option<Duration>,
}

impl AdminRefusal {
    /// The status: `401`, `403` or `429`; the admin routes also answer `400`.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// A code for programs, such as `unauthorized`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// A message for people, which says what to do.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            wait: None,
        }
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(super) fn too_many(wait: Duration) -> Self {
        Self {
            wait: Some(wait),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_failures",
                "the token is wrong, and so were too many others before; wait before you try another one. The right token is accepted at any time",
            )
        }
    }
}

impl IntoResponse for AdminRefusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"cache\""),
            );
        }
        if let Some(wait) = self.wait {
            headers.insert(RETRY_AFTER, (wait.as_secs() + 1).into());
        }
        response
    }
}
