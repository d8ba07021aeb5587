//! Who is asking, and what they may do.
//!
//! `POST /api/session {"user_id": 1}` signs in whoever is named, without a password; it stands in for real authentication.
//! What follows from an identity is real: the cookie holds the number of the user's session, which a password reset raises,
//! so that cookies from before no longer count; and the extractors here run *before a cached handler's key is looked up*.
//! That is where authorization belongs, for a hit skips the body and everything it would have checked.

use std::convert::Infallible;
use std::marker::PhantomData;

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
use crate::users::{self, Access};

/// `POST` signs in, `DELETE` signs out.
pub fn routes() -> Router<AppState> {
    Router::new().route("/api/session", routing::post(sign_in).delete(sign_out))
}

/// The user who asks; anybody else gets `401`.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn(pub i64);

/// A key that holds it tells users apart. [`May`] is not marked: it says that somebody may ask, and not who.
impl IdentifiesCaller for SignedIn {}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let (user_id, _) = who(parts, state).await?;
        Ok(Self(user_id))
    }
}

/// Proof that the user who asks has a permission; without it they get `403`.
///
/// As an argument without a name it is in no key, and need not be: it decides whether there is an answer, not which.
#[derive(Debug, Clone, Copy)]
pub struct May<P>(PhantomData<P>);

impl<P: Permission> FromRequestParts<AppState> for May<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let (_, access) = who(parts, state).await?;
        if access.permits(P::NAME) {
            Ok(Self(PhantomData))
        } else {
            Err(ApiError::not_allowed(P::NAME))
        }
    }
}

/// A permission that a handler can ask for.
pub trait Permission {
    /// As roles grant it.
    const NAME: &'static str;
}

macro_rules! permissions {
    ($($name:ident = $text:literal),+ $(,)?) => {
        $(
            #[doc = concat!("`", $text, "`")]
            #[derive(Debug, Clone, Copy)]
            pub enum $name {}

            impl Permission for $name {
                const NAME: &'static str = $text;
            }
        )+

        /// All that a role can grant.
        pub const PERMISSIONS: &[&str] = &[$($text),+];
    };
}

permissions! {
    ReadEmployees = "employees.read",
    WriteEmployees = "employees.write",
    ReadSalaries = "salaries.read",
    RunPayroll = "payroll.run",
    ManageOffice = "office.manage",
}

/// A cookie with a wrong or missing signature is no cookie, and one from before a password reset is none either.
async fn who(parts: &mut Parts, state: &AppState) -> Result<(i64, Access), ApiError> {
    let Ok::<_, Infallible>(jar) = SignedCookieJar::<Key>::from_request_parts(parts, state).await;
    let (user_id, session) = jar
        .get(COOKIE)
        .and_then(|cookie| parse(cookie.value()))
        .ok_or_else(ApiError::sign_in_first)?;
    let access = users::routes::access(&Db::from_ref(state), user_id).await?;
    let access = access.filter(|access| access.session == session);
    Ok((user_id, access.ok_or_else(ApiError::sign_in_first)?))
}

fn parse(value: &str) -> Option<(i64, i64)> {
    let (user_id, session) = value.split_once('.')?;
    Some((user_id.parse().ok()?, session.parse().ok()?))
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
    Body(wanted): Body<Session>,
) -> Result<(SignedCookieJar, Json<Session>), ApiError> {
    let session = users::store::session(&db, wanted.user_id).await?;
    let session = session.ok_or_else(|| ApiError::not_found("user"))?;
    // `Secure` is missing because the example speaks plain HTTP; behind TLS it belongs here.
    let cookie = Cookie::build((COOKIE, format!("{}.{session}", wanted.user_id)))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax);
    Ok((jar.add(cookie), Json(wanted)))
}

async fn sign_out(jar: SignedCookieJar) -> (SignedCookieJar, StatusCode) {
    let same_path = Cookie::build(COOKIE).path("/");
    (jar.remove(same_path), StatusCode::NO_CONTENT)
}

const COOKIE: &str = "payroll_user";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_two_numbers() {
        assert_eq!(parse("12.3"), Some((12, 3)));
        for wrong in ["", "12", "12.", ".3", "12.x", "12.3.4"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
