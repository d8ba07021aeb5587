//! Extractors that hand a handler only what is valid, in the one form it can have.
//!
//! A cached handler's key is made of its arguments. `?search=Rust` and `?search=%20rust%20&skip=0`
//! ask for the same page; here, before the key is built, they become the same arguments.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Input that has one canonical form, or none because it is invalid.
pub trait Canonical: Sized {
    /// Brings it into that form: trimmed, folded where SQL ignores case, defaults filled in.
    ///
    /// # Errors
    ///
    /// [`ApiError::invalid`] names the first field that will not do.
    fn canonical(self) -> Result<Self, ApiError>;
}

/// The query string as a `T`.
#[derive(Debug, Clone, Copy)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Canonical> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(raw) = Query::<T>::from_request_parts(parts, state).await?;
        raw.canonical().map(Self)
    }
}

/// The JSON body as a `T`.
#[derive(Debug, Clone, Copy)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Canonical> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(raw) = Json::<T>::from_request(request, state).await?;
        raw.canonical().map(Self)
    }
}

/// The one number in the path.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(id) = Path::from_request_parts(parts, state).await?;
        Ok(Self(id))
    }
}
