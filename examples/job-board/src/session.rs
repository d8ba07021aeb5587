//! Who is asking: a user id in a signed cookie.
//!
//! It stands in for real authentication. `POST /api/session {"user_id": 1}` signs in whoever is
//! named, without a password; what matters here is what follows from an identity: personal answers
//! under personal keys, and writes for the owner only.
//!
//! Both extractors run before a cached handler's body *and before its key is looked up*. That is
//! where authorization belongs: a hit skips the body and everything it would have checked.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::{Json, Router, routing};
use axum_extra::extract::SignedCookieJar;
use axum_extra::extract::cookie::{Cookie, Key, SameSite};
use cache_runtime::IdentifiesCaller;
use serde::{Deserialize, Serialize};

use crate::AppState;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{Body, Canonical};
use crate::users;

/// `POST` signs in, `DELETE` signs out.
pub fn routes() -> Router<AppState> {
    Router::new().route("/api/session", routing::post(sign_in).delete(sign_out))
}

/// The user who asks, or `None` for anybody.
///
/// A cookie with a wrong or missing signature is no cookie.
#[derive(Debug, Clone, Copy)]
pub struct Reader(pub Option<i64>);

/// A key that holds it tells users apart.
impl IdentifiesCaller for Reader {}

impl<S: Send + Sync> FromRequestParts<S> for Reader
where
    Key: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let jar = SignedCookieJar::<Key>::from_request_parts(parts, state).await?;
        Ok(Self(
            jar.get(COOKIE)
                .and_then(|cookie| cookie.value().parse().ok()),
        ))
    }
}

/// The user who asks; anybody else gets `401`.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn(pub i64);

impl IdentifiesCaller for SignedIn {}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Key: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(Reader(reader)) = Reader::from_request_parts(parts, state).await;
        reader.map(Self).ok_or_else(ApiError::sign_in_first)
    }
}

/// Who wants to sign in, or just has.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// One of the users in the database.
    pub user_id: i64,
}

impl Canonical for Session {
    fn canonical(self) -> Result<Self, ApiError> {
        Ok(self)
    }
}

async fn sign_in(
    State(db): State<Db>,
    jar: SignedCookieJar,
    Body(session): Body<Session>,
) -> Result<(SignedCookieJar, Json<Session>), ApiError> {
    if !users::store::exists(&db, session.user_id).await? {
        return Err(ApiError::not_found("user"));
    }
    // `Secure` is missing because the example speaks plain HTTP; behind TLS it belongs here.
    let cookie = Cookie::build((COOKIE, session.user_id.to_string()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax);
    Ok((jar.add(cookie), Json(session)))
}

async fn sign_out(jar: SignedCookieJar) -> (SignedCookieJar, StatusCode) {
    let same_path = Cookie::build(COOKIE).path("/");
    (jar.remove(same_path), StatusCode::NO_CONTENT)
}

const COOKIE: &str = "board_user";
