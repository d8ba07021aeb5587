//! The errors of this crate: what was wrong, and what to do about it.
//!
//! A cached function never returns it (guarantee P1): only set-up ([`crate::init`], [`crate::CacheConfig`]) and the
//! manual operations of [`crate::Cache`] that can be called wrongly do. No variant carries a credential or a value.

use std::fmt;

/// An error in set-up or in a manual operation.
///
/// The type is opaque; use [`Error::is_config`], [`Error::is_already_initialized`] and so on.
pub struct Error {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Config,
    Initialized,
    Codec,
    Pattern,
}

impl Error {
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Config,
            message: message.into(),
        }
    }

    pub(crate) fn initialized() -> Self {
        let message = "the global cache already exists; call `cache_runtime::init` once, before the first cached call. For a second cache use \
                       `Cache::new` and `cache = …`; for a test, `testing::scope` (feature `testing`)";
        Self {
            kind: Kind::Initialized,
            message: message.into(),
        }
    }

    pub(crate) fn codec(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Codec,
            message: message.into(),
        }
    }

    pub(crate) fn pattern(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Pattern,
            message: message.into(),
        }
    }

    /// Whether a setting is invalid. The message names it and says what is expected.
    #[must_use]
    pub fn is_config(&self) -> bool {
        self.kind == Kind::Config
    }

    /// Whether [`crate::init`] was called after the global cache was created.
    #[must_use]
    pub fn is_already_initialized(&self) -> bool {
        self.kind == Kind::Initialized
    }

    /// Whether a value could not be stored, because it cannot be encoded or is too large; or whether a stored value could
    /// not be decoded.
    #[must_use]
    pub fn is_codec(&self) -> bool {
        self.kind == Kind::Codec
    }

    /// Whether a pattern for a removal is invalid.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.kind == Kind::Pattern
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Error {}

/// The error of a cached function whose body took longer than its `timeout`, when no older value could be served.
///
/// A function with `timeout` converts it into its own error type:
///
/// ```
/// use cache_runtime::{TimedOut, cached};
///
/// #[derive(Debug)]
/// enum ApiError { Slow }
///
/// impl From<TimedOut> for ApiError {
///     fn from(_: TimedOut) -> Self {
///         Self::Slow
///     }
/// }
/// # let _: ApiError = TimedOut::new().into();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimedOut;

impl TimedOut {
    /// Creates the error.
    #[must_use]
    #[allow(
        clippy::new_without_default,
        reason = "an error that comes about by default?"
    )]
    pub const fn new() -> Self {
        Self
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cached function took longer than its `timeout`")
    }
}

impl std::error::Error for TimedOut {}
