//! What a request is told when it cannot be served.

use std::borrow::Cow;
use std::error::Error as _;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::header};
use serde_json::json;

use crate::db;

/// An error answer: a status and `{"error": {"code": …, "message": …}}`.
///
/// It is `Clone`, so that callers who wait for one load together can be told of its failure
/// together, instead of each trying again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

impl ApiError {
    /// `400`: a field is there but its value will not do.
    pub fn invalid(field: &'static str, problem: impl AsRef<str>) -> Self {
        let message = format!("`{field}` {}", problem.as_ref());
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// `401`: only for people who have signed in.
    pub fn sign_in_first() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "sign_in_first",
            "sign in with POST /api/session",
        )
    }

    /// `403`: signed in, but not allowed.
    pub fn not_allowed(permission: &'static str) -> Self {
        let message = format!("this needs the permission `{permission}`");
        Self::new(StatusCode::FORBIDDEN, "not_allowed", message)
    }

    /// `404`: there is none.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("no such {what}"),
        )
    }

    /// `405`: the path exists, this method on it does not.
    pub fn no_such_method() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(
            status,
            "no_such_method",
            "this path takes other methods; see `Allow`",
        )
    }

    /// `503`: it would take too long now.
    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too busy; try again in a moment",
        )
    }

    /// The status that the answer carries.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(
                header::RETRY_AFTER,
                const { header::HeaderValue::from_static("1") },
            );
        }
        response
    }
}

/// What the database says goes to the log; a client learns whether trying again makes sense.
impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) || db::is_busy(&error) {
            tracing::warn!(%error, "the database is busy");
            Self::busy()
        } else {
            tracing::error!(%error, source = error.source(), "a query failed");
            Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "our fault; it has been logged",
            )
        }
    }
}

/// A query string, path or body that is not even of the right shape.
macro_rules! unreadable {
    ($($rejection:ty),+) => {$(
        impl From<$rejection> for ApiError {
            fn from(rejection: $rejection) -> Self {
                Self::new(rejection.status(), "unreadable", rejection.body_text())
            }
        }
    )+};
}

unreadable!(QueryRejection, PathRejection, JsonRejection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_not_quoted_to_clients() {
        let shown = ApiError::from(sqlx::Error::Protocol("secret detail".into()));
        assert_eq!(shown.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!shown.message.contains("secret"));
    }

    #[test]
    fn a_full_pool_asks_to_come_back() {
        let response = ApiError::from(sqlx::Error::PoolTimedOut).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
