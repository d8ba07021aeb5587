//! The configuration of the admin routes: who may read, and who may remove.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;

use crate::cache::Cache;
use crate::http::admin::token::Token;

/// The permissions of a user of the admin routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// May read everything but values, and remove by pattern.
    Admin,
    /// May also read values, and clear the cache.
    SuperAdmin,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::SuperAdmin => "super-admin",
        }
    }
}

/// Configures who may use [`admin_router`](crate::http::admin::admin_router), and for which cache. Access is denied
/// unless a token or a check is set.
///
/// ```
/// use cache_runtime::http::AdminConfig;
///
/// // CACHE_ADMIN_TOKEN and CACHE_SUPER_ADMIN_TOKEN
/// let config = AdminConfig::from_env();
/// ```
///
/// An application with its own users can use a check in place of tokens:
///
/// ```
/// use cache_runtime::http::{AdminConfig, Role};
///
/// let config = AdminConfig::new().check(|request| {
///     // put there by the application's own authentication layer
///     let user: &String = request.extensions.get()?;
///     (user == "root").then_some(Role::SuperAdmin)
/// });
/// ```
#[derive(Clone, Default)]
pub struct AdminConfig {
    pub(super) admin: Option<Token>,
    pub(super) super_admin: Option<Token>,
    pub(super) check: Option<Check>,
    pub(super) peer: Option<Peer>,
    pub(super) cache: Option<Cache>,
}

pub(super) type Check = Arc<dyn Fn(&Parts) -> Option<Role> + Send + Sync>;
pub(super) type Peer = Arc<dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync>;

impl AdminConfig {
    /// Denies access: every route that needs a role answers `403` until a token or a check is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the tokens from `CACHE_ADMIN_TOKEN` and `CACHE_SUPER_ADMIN_TOKEN`, if they are set.
    #[must_use]
    pub fn from_env() -> Self {
        let var = |name| std::env::var(name).unwrap_or_default();
        Self::new()
            .admin_token(var("CACHE_ADMIN_TOKEN"))
            .super_admin_token(var("CACHE_SUPER_ADMIN_TOKEN"))
    }

    /// Sets the token of [`Role::Admin`], which is sent as `Authorization: Bearer …`. An empty text sets none.
    ///
    /// Use a long random token: `openssl rand -hex 32`. Only its hash is kept.
    #[must_use]
    pub fn admin_token(mut self, token: impl AsRef<str>) -> Self {
        self.admin = Token::new("the admin token", token.as_ref());
        self
    }

    /// Sets the token of [`Role::SuperAdmin`], which includes the permissions of [`Role::Admin`]. An empty text sets
    /// none.
    #[must_use]
    pub fn super_admin_token(mut self, token: impl AsRef<str>) -> Self {
        self.super_admin = Token::new("the super-admin token", token.as_ref());
        self
    }

    /// Sets the application's own check, in place of tokens: it returns the role of the sender of a request, or
    /// `None`.
    ///
    /// The check may rely on cookies, or on anything else that a browser adds by itself: requests that a page of
    /// another origin makes a browser send are refused with `403` before the check runs. For requests that change
    /// something, these are requests whose `Sec-Fetch-Site` is neither `same-origin` nor `none` (`same-site` is
    /// refused, too: another host under the same domain may belong to somebody else); without that header, requests
    /// with an `Origin` whose host and port differ from those of `Host`. A request with neither header comes from a
    /// program, not from a page. Browsers send no `Sec-Fetch-Site` to a service without TLS: a proxy before such a
    /// service must pass on `Host` unchanged.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Parts) -> Option<Role> + Send + Sync + 'static) -> Self {
        self.check = Some(Arc::new(check));
        self
    }

    /// Sets how the client address of a request is found, so that wrong tokens are limited by address: after ten in a
    /// minute, a wrong token gets `429`. By default all clients are counted together. A right token is always
    /// accepted, however many wrong ones came before, so it must be too long to be guessed.
    ///
    /// ```no_run
    /// use std::net::SocketAddr;
    ///
    /// use axum::extract::ConnectInfo;
    /// use cache_runtime::http::AdminConfig;
    ///
    /// // with axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
    /// let config = AdminConfig::from_env().peer(|request| {
    ///     let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
    ///     Some(address.ip())
    /// });
    /// ```
    #[must_use]
    pub fn peer(mut self, peer: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.peer = Some(Arc::new(peer));
        self
    }

    /// Uses another cache than the global one.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.cache = Some(cache.clone());
        self
    }
}

impl fmt::Debug for AdminConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminConfig")
            .field("admin_token", &self.admin.is_some())
            .field("super_admin_token", &self.super_admin.is_some())
            .field("check", &self.check.is_some())
            .finish_non_exhaustive()
    }
}
