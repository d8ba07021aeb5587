//! Who may look, and who may remove.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;

use crate::cache::Cache;
use crate::http::admin::token::Token;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// Look at everything, and remove by pattern.
    Admin,
    /// Remove everything as well.
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

/// Who may use [`admin_router`](crate::http::admin::admin_router), and for which cache. Closed unless a token or a check is set.
///
/// ```
/// use cache_runtime::http::AdminConfig;
///
/// // CACHE_ADMIN_TOKEN and CACHE_SUPER_ADMIN_TOKEN
/// let config = AdminConfig::from_env();
/// ```
///
/// An application that knows its users uses its own check in place of tokens:
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
    /// Closed: every route but the health answers `403` until a token or a check is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tokens from `CACHE_ADMIN_TOKEN` and `CACHE_SUPER_ADMIN_TOKEN`, where they are set.
    #[must_use]
    pub fn from_env() -> Self {
        let var = |name| std::env::var(name).unwrap_or_default();
        Self::new()
            .admin_token(var("CACHE_ADMIN_TOKEN"))
            .super_admin_token(var("CACHE_SUPER_ADMIN_TOKEN"))
    }

    /// The token of [`Role::Admin`], sent as `Authorization: Bearer …`. An empty one is none.
    ///
    /// Make it long and random: `openssl rand -hex 32`. Only its hash is kept.
    #[must_use]
    pub fn admin_token(mut self, token: impl AsRef<str>) -> Self {
        self.admin = Token::new("the admin token", token.as_ref());
        self
    }

    /// The token of [`Role::SuperAdmin`], which may do what the other one may as well. An empty one is none.
    #[must_use]
    pub fn super_admin_token(mut self, token: impl AsRef<str>) -> Self {
        self.super_admin = Token::new("the super-admin token", token.as_ref());
        self
    }

    /// The application's own check in place of tokens: what the sender of a request may do, or `None`.
    ///
    /// It may rely on cookies, or on anything else that a browser adds by itself: what a page of another origin makes a
    /// browser send is refused with `403` before the check is asked. Of what changes something, that is a `Sec-Fetch-Site`
    /// that is neither `same-origin` nor `none` (so `same-site` is refused as well: a neighbour under your domain is somebody
    /// else), and without that header an `Origin` whose host and port are not those of `Host`. A request with neither was
    /// made by a program, not by a page. A proxy before a service without TLS, to which browsers send no `Sec-Fetch-Site`,
    /// has to pass on `Host` as it came.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Parts) -> Option<Role> + Send + Sync + 'static) -> Self {
        self.check = Some(Arc::new(check));
        self
    }

    /// Where a request comes from, so that wrong tokens are counted by address: ten a minute, then `429`. Without it all
    /// are counted together. Only wrong tokens are counted and refused; a right one is let in whatever came before it, so
    /// it has to be too long to be guessed.
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

    /// Another cache than the global one.
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
