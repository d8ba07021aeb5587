//! Extractors that hand a handler only what is valid, in the one form it can have: keys are made of it.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Input that has one canonical form, or none because it is invalid.
pub trait Canonical: Sized {
    /// Brings it into that form.
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

/// What the path names.
#[derive(Debug, Clone, Copy)]
pub struct At<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(named) = Path::from_request_parts(parts, state).await?;
        Ok(Self(named))
    }
}
