//! The stored form of an operator's token.

use subtle::{Choice, ConstantTimeEq as _};

/// Shorter tokens can be guessed at the rate at which this process answers.
const SHORT: usize = 16;

/// The hash of a token; the token itself is not kept.
#[derive(Clone)]
pub(super) struct Token(blake3::Hash);

impl Token {
    pub(super) fn new(which: &str, token: &str) -> Option<Self> {
        let token = token.trim();
        if token.is_empty() {
            return None;
        }
        if token.len() < SHORT {
            tracing::warn!(
                "{which} is so short that it can be guessed; use one of 32 random bytes, such as from `openssl rand -hex 32`"
            );
        }
        Some(Self(blake3::hash(token.as_bytes())))
    }

    /// Compares hashes in constant time, so neither the time nor the length shows how close a guess was.
    pub(super) fn is(&self, sent: &blake3::Hash) -> Choice {
        self.0.as_bytes().ct_eq(sent.as_bytes())
    }
}
