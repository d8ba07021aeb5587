//! User and password, and the trait of those who provide them anew while the program runs.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use redis::{Cmd, RedisConnectionInfo};

/// A user and a password of Redis, and for how long they are valid. They are never shown.
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::Credentials;
///
/// let token = Credentials::new("app", "a token").valid_for(Duration::from_secs(900));
/// assert!(!format!("{token:?}").contains("token\""));
/// ```
#[derive(Clone)]
pub struct Credentials {
    username: Option<String>,
    password: String,
    valid_for: Option<Duration>,
    ask_again: Option<Duration>,
}

impl Credentials {
    /// A user and a password, as they are: nothing is percent-encoded. An empty user name means the user `default`.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        let username: String = username.into();
        Self {
            username: Some(username).filter(|name| !name.is_empty()),
            password: password.into(),
            valid_for: None,
            ask_again: None,
        }
    }

    /// For how long they are valid from now on. When a quarter of that time is left, the provider is asked for the next
    /// ones, and the live connections send `AUTH` with them. Both happen at a heartbeat, once a second.
    ///
    /// Without this, the provider is asked again only when Redis refuses the credentials.
    #[must_use]
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.valid_for = Some(time);
        self
    }

    /// Asks the provider again after this time, although the credentials may be valid for longer.
    pub(in crate::redis) fn ask_again_after(mut self, time: Duration) -> Self {
        self.ask_again = Some(time);
        self
    }

    pub(in crate::redis) fn validity(&self) -> Option<Duration> {
        self.valid_for
    }

    /// After which time the provider is asked again.
    pub(in crate::redis) fn asked_again_after(&self) -> Option<Duration> {
        let before_the_end = self.valid_for.map(|time| time / 4 * 3);
        self.ask_again.into_iter().chain(before_the_end).min()
    }

    pub(in crate::redis) fn is_the_same_login_as(&self, other: &Self) -> bool {
        self.username == other.username && self.password == other.password
    }

    pub(in crate::redis) fn set_in(&self, info: RedisConnectionInfo) -> RedisConnectionInfo {
        let info = match &self.username {
            Some(username) => info.set_username(username),
            None => info,
        };
        info.set_password(&self.password)
    }

    /// `AUTH` with these credentials.
    pub(in crate::redis) fn auth(&self) -> Cmd {
        let mut command = redis::cmd("AUTH");
        if let Some(username) = &self.username {
            command.arg(username);
        }
        command.arg(&self.password);
        command
    }

    /// A text that others have written, with the password blanked out, in case they quote it.
    pub(in crate::redis) fn blank_out(&self, text: &str) -> String {
        if self.password.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.password, "…")
    }
}

/// Without user and password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("valid_for", &self.valid_for)
            .finish_non_exhaustive()
    }
}

/// Provides credentials that change while the program runs: tokens that expire, passwords that are rotated.
///
/// The cache asks for them before its first connection, when a quarter of [`Credentials::valid_for`] is left, and when
/// Redis refuses those that it has. New ones are sent by `AUTH` over the live connections, to every master of a cluster,
/// and no call notices it.
///
/// A provider that fails, panics or takes longer than ten seconds delays no call: the credentials of before stay in use,
/// the provider is asked again after half a second, then one, two and at most every five seconds, and the log (once) and
/// [`Health::notes`](crate::Health::notes) say why. The future must not block its thread.
///
/// An async closure is a provider, [`FileCredentials`](crate::FileCredentials) is one, and so are [`Credentials`] that never change:
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{CacheConfig, Credentials};
///
/// # async fn token() -> Result<String, std::io::Error> { Ok("token".to_owned()) }
/// let config = CacheConfig::default()
///     .redis_url("redis://localhost")
///     .credentials(|| async {
///         let token = token().await?;
///         Ok::<_, std::io::Error>(Credentials::new("app", token).valid_for(Duration::from_secs(900)))
///     });
/// ```
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials to use from now on.
    ///
    /// It is called by one task at a time, and its future is dropped after ten seconds.
    ///
    /// # Errors
    ///
    /// There are none now. The text is written to the log and to the health of the cache, so it must contain no secret.
    fn credentials(
        &self,
    ) -> impl Future<Output = Result<Credentials, Box<dyn Error + Send + Sync>>> + Send;
}

impl<F, Answer, Failure> CredentialsProvider for F
where
    F: Fn() -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Credentials, Failure>> + Send,
    Failure: Into<Box<dyn Error + Send + Sync>>,
{
    async fn credentials(&self) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        self().await.map_err(Into::into)
    }
}

/// Always the same.
impl CredentialsProvider for Credentials {
    async fn credentials(&self) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        Ok(self.clone())
    }
}

type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<Credentials, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Any provider.
pub(crate) trait AnyProvider: Send + Sync + 'static {
    fn ask(&self) -> Answer<'_>;
}

impl<P: CredentialsProvider> AnyProvider for P {
    fn ask(&self) -> Answer<'_> {
        Box::pin(self.credentials())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_asked_again_before_the_end_and_at_the_interval() {
        let plain = Credentials::new("", "p");
        assert_eq!(plain.asked_again_after(), None);
        let minute = Duration::from_secs(60);
        let token = plain.valid_for(4 * minute);
        assert_eq!(token.asked_again_after(), Some(3 * minute));
        let file = token.ask_again_after(minute);
        assert_eq!(file.asked_again_after(), Some(minute));
    }

    #[test]
    fn neither_user_nor_password_is_shown() {
        let credentials = Credentials::new("hunter", "hunter2");
        assert!(!format!("{credentials:?}").contains("hunter"));
        assert_eq!(credentials.blank_out("no: hunter2!"), "no: …!");
        assert_eq!(Credentials::new("u", "").blank_out("text"), "text");
    }
}
