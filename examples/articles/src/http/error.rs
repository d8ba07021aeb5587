//! What a request is told when it cannot be served.

use std::borrow::Cow;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::input::Invalid;
use crate::service::ServiceError;

/// An error answer: a status and `{"error": {"code": …, "message": …}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

impl ApiError {
    /// `404`: there is none.
    pub(super) fn not_found(what: &'static str) -> Self {
        let message = format!("no such {what}");
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// `405`: the path exists, this method on it does not.
    pub(super) fn no_such_method() -> Self {
        let message = "this path takes other methods; see `Allow`";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", message)
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
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
        }
        response
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        let (status, code) = match error {
            ServiceError::NoSuchArticle => (StatusCode::NOT_FOUND, "not_found"),
            ServiceError::NoSuchAuthor => (StatusCode::BAD_REQUEST, "invalid"),
            ServiceError::TitleTaken => (StatusCode::CONFLICT, "taken"),
            ServiceError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            ServiceError::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// A field is there but its value will not do.
impl From<Invalid> for ApiError {
    fn from(Invalid { field, problem }: Invalid) -> Self {
        let message = format!("`{field}` {problem}");
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
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
        let failed = ServiceError::from(sqlx::Error::Protocol("secret detail".into()));
        let shown = ApiError::from(failed);
        assert_eq!(shown.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!shown.message.contains("secret"));
    }

    #[test]
    fn a_full_pool_asks_to_come_back() {
        let full = ServiceError::from(sqlx::Error::PoolTimedOut);
        let response = ApiError::from(full).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
