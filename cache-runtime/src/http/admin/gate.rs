//! Checks the role of a request, and limits wrong tokens.
//!
//! A right token is accepted whatever came before it: somebody who guesses tokens, for example behind the same proxy,
//! must not lock an administrator out. So the limit does not make a short token safe; only the length of the token
//! prevents guessing. The limit bounds how much a guesser makes this process log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use parking_lot::Mutex;
use subtle::Choice;
use tokio::time::Instant;

use crate::http::admin::config::{AdminConfig, Role};
use crate::http::admin::origin;
use crate::http::admin::refusal::AdminRefusal;
use crate::http::admin::token::Token;

/// Wrong tokens that a peer may send in a [`WINDOW`].
const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// The number of peers whose failures are counted separately; those of all others are counted together.
const PEERS: usize = 1024;

/// The access check of [`admin_router`](crate::http::admin::admin_router), for an application's own routes. Clones
/// share the count of wrong tokens.
///
/// ```
/// use axum::extract::Request;
/// use axum::response::{IntoResponse as _, Response};
/// use axum::routing::post;
/// use axum::Router;
/// use cache_runtime::http::{AdminConfig, AdminGate, Role, admin_router};
///
/// async fn close_the_books(gate: AdminGate, request: Request) -> Response {
///     let (parts, _) = request.into_parts();
///     if let Err(refusal) = gate.admit(&parts, Role::Admin) {
///         return refusal.into_response();
///     }
///     let done = cache_runtime::cache().invalidate_prefix("books:").await;
///     format!("{} removed", done.removed).into_response()
/// }
///
/// let gate = AdminGate::new(AdminConfig::from_env());
/// let own = gate.clone();
/// let app: Router = Router::new()
///     .route("/books/close", post(move |request| close_the_books(own, request)))
///     .merge(admin_router(gate));
/// ```
#[derive(Clone, Debug)]
pub struct AdminGate {
    pub(super) config: AdminConfig,
    failures: Arc<Mutex<Failures>>,
}

impl From<AdminConfig> for AdminGate {
    fn from(config: AdminConfig) -> Self {
        Self::new(config)
    }
}

impl AdminGate {
    /// Creates a gate without any counted failures.
    #[must_use]
    pub fn new(config: AdminConfig) -> Self {
        Self {
            config,
            failures: Arc::default(),
        }
    }

    /// Returns the role of the sender of a request, if it is at least `needed`.
    ///
    /// # Errors
    ///
    /// `401` without a token or with a wrong one; `403` if the role does not suffice, if no token or check is set, or
    /// if a page of another origin made the request; `429` for a wrong token after ten others in a minute.
    pub fn admit(&self, request: &Parts, needed: Role) -> Result<Role, AdminRefusal> {
        origin::refuse_other_sites(request)?;
        let role = match &self.config.check {
            Some(check) => {
                // The check may rely on what a browser adds by itself. Browsers never add a token by themselves.
                origin::refuse_other_origins(request)?;
                check(request).ok_or_else(|| {
                    AdminRefusal::new(
                        StatusCode::UNAUTHORIZED,
                        "unauthorized",
                        "sign in as an administrator of this application",
                    )
                })?
            }
            None => self.role_by_token(request)?,
        };
        if role < needed {
            let message = match (&self.config.check, &self.config.super_admin) {
                (None, None) => {
                    "this operation needs the super-admin token, and none is set: set CACHE_SUPER_ADMIN_TOKEN (or \
                     AdminConfig::super_admin_token)"
                }
                (None, Some(_)) => {
                    "this operation needs the super-admin token; send it as `Authorization: Bearer <token>`"
                }
                (Some(_), _) => "this operation needs a super administrator of this application",
            };
            return Err(AdminRefusal::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                message,
            ));
        }
        Ok(role)
    }

    fn role_by_token(&self, request: &Parts) -> Result<Role, AdminRefusal> {
        let (admin, super_admin) = (&self.config.admin, &self.config.super_admin);
        if admin.is_none() && super_admin.is_none() {
            return Err(AdminRefusal::new(
                StatusCode::FORBIDDEN,
                "closed",
                "the cache administration is closed: set CACHE_ADMIN_TOKEN, and CACHE_SUPER_ADMIN_TOKEN for clearing (or \
                 AdminConfig::admin_token and super_admin_token), then send `Authorization: Bearer <token>`",
            ));
        }
        let Some(sent) = bearer(request) else {
            return Err(AdminRefusal::unauthorized(
                "send `Authorization: Bearer <token>`",
            ));
        };
        let sent = blake3::hash(sent);
        // Always compares both, so that the time does not depend on the first result.
        let compared = |token: &Option<Token>| {
            token
                .as_ref()
                .map_or(Choice::from(0), |token| token.is(&sent))
        };
        let (is_admin, is_super) = (compared(admin), compared(super_admin));
        // Checked before earlier failures are counted: they may come from somebody else behind the same proxy.
        if bool::from(is_super) {
            return Ok(Role::SuperAdmin);
        }
        if bool::from(is_admin) {
            return Ok(Role::Admin);
        }
        let peer = self.config.peer.as_ref().and_then(|peer| peer(request));
        Err(self.wrong_token(peer))
    }

    fn wrong_token(&self, peer: Option<IpAddr>) -> AdminRefusal {
        let now = Instant::now();
        let mut failures = self.failures.lock();
        if let Some(wait) = failures.wait(peer, now) {
            return AdminRefusal::too_many(wait);
        }
        failures.count(peer, now);
        drop(failures);
        tracing::warn!(peer = ?peer, "a request to the cache administration was refused: its token is wrong");
        AdminRefusal::unauthorized(
            "the token is wrong: send CACHE_ADMIN_TOKEN or CACHE_SUPER_ADMIN_TOKEN as `Authorization: Bearer <token>`",
        )
    }
}

fn bearer(request: &Parts) -> Option<&[u8]> {
    let value = request.headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
        .filter(|token| !token.is_empty())
}

/// The number of wrong tokens by peer. `None` counts all peers that are not counted separately.
#[derive(Debug, Default)]
struct Failures(HashMap<Option<IpAddr>, (Instant, u32)>);

impl Failures {
    /// How long a peer has to wait after too many failures.
    fn wait(&self, peer: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let standing = |peer| {
            let (since, count): &(Instant, u32) = self.0.get(&peer)?;
            let left = WINDOW.checked_sub(now.saturating_duration_since(*since))?;
            (*count >= FAILURES && !left.is_zero()).then_some(left)
        };
        match peer.map(network) {
            Some(peer) if self.0.contains_key(&Some(peer)) || self.0.len() < PEERS => {
                standing(Some(peer))
            }
            _ => standing(None),
        }
    }

    fn count(&mut self, peer: Option<IpAddr>, now: Instant) {
        let mut peer = peer.map(network);
        if self.0.len() >= PEERS && !self.0.contains_key(&peer) {
            self.0
                .retain(|_, (since, _)| now.saturating_duration_since(*since) < WINDOW);
            if self.0.len() >= PEERS {
                peer = None;
            }
        }
        let (since, count) = self.0.entry(peer).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

/// The network of an address: one IPv6 client has 2^64 addresses, so only the first half is compared.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_failures_a_minute_by_peer_and_bounded() {
        let now = Instant::now();
        let mut failures = Failures::default();
        let peer = |number: u16| Some(IpAddr::from([0x2001, number, 0, 0, 0, 0, 0, 1]));
        for _ in 0..FAILURES {
            assert_eq!(failures.wait(peer(1), now), None);
            failures.count(peer(1), now);
        }
        assert_eq!(failures.wait(peer(1), now), Some(WINDOW));
        let neighbour = Some(IpAddr::from([0x2001, 1, 0, 0, 0, 0, 0, 2]));
        assert!(failures.wait(neighbour, now).is_some(), "the same network");
        assert_eq!(failures.wait(peer(2), now), None);
        assert_eq!(failures.wait(peer(1), now + WINDOW), None);

        for number in 0..5000 {
            failures.count(peer(number), now);
        }
        assert!(failures.0.len() <= PEERS + 1, "{}", failures.0.len());
        assert!(
            failures.wait(peer(4999), now).is_some(),
            "those beyond are counted together"
        );
        failures.count(peer(4999), now + WINDOW);
        assert!(failures.0.len() < 3, "and forgotten together");
    }
}
