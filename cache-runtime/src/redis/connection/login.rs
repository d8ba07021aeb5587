//! How this process authenticates with the servers: always in the same way, or as a provider says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use redis::RedisError;

use crate::redis::connection::credentials::{AnyProvider, Credentials};
use crate::redis::connection::fault::{fault, refused};
use crate::redis::connection::provided::{Issued, Provided};

/// How this process authenticates with the servers. Clones share what a provider has provided.
#[derive(Clone, Debug)]
pub(in crate::redis) enum Login {
    /// With the credentials of the URL, or without any.
    Fixed(Arc<Issued>),
    Provided(Arc<Provided>),
}

impl Login {
    pub(in crate::redis) fn fixed(credentials: Option<Credentials>) -> Self {
        Self::Fixed(Arc::new(Issued {
            number: 0,
            login: 0,
            credentials,
        }))
    }

    pub(in crate::redis) fn provided(provider: Arc<dyn AnyProvider>) -> Self {
        Self::Provided(Provided::by(provider))
    }

    pub(in crate::redis) fn provider(&self) -> Option<&Arc<Provided>> {
        match self {
            Self::Fixed(_) => None,
            Self::Provided(provided) => Some(provided),
        }
    }

    /// The credentials for a new connection. Waits at most `limit` for a provider.
    ///
    /// # Errors
    ///
    /// The provider has given none.
    pub(in crate::redis) async fn issue(&self, limit: Duration) -> Result<Arc<Issued>, RedisError> {
        match self {
            Self::Fixed(issued) => Ok(issued.clone()),
            Self::Provided(provided) => provided.issue(limit).await.map_err(refused),
        }
    }

    /// A server has accepted or refused these credentials on a new connection.
    pub(in crate::redis) fn answered(&self, issued: &Issued, error: Option<&RedisError>) {
        let Self::Provided(provided) = self else {
            return;
        };
        match error {
            None => provided.accepted(issued),
            Some(error) if fault(error.clone()).is_about_the_login() => {
                provided.refused(issued, None);
            }
            Some(_) => {}
        }
    }

    /// The line for health, if the provider fails or Redis refuses its credentials.
    pub(in crate::redis) fn note(&self) -> Option<String> {
        self.provider()?.note()
    }

    /// The latest credentials, without waiting.
    pub(in crate::redis) fn latest(&self) -> Option<Arc<Issued>> {
        match self {
            Self::Fixed(issued) => Some(issued.clone()),
            Self::Provided(provided) => provided.latest(),
        }
    }

    #[cfg(feature = "cli")]
    pub(in crate::redis) fn has_password(&self) -> bool {
        match self {
            Self::Fixed(issued) => issued.credentials.is_some(),
            Self::Provided(_) => true,
        }
    }
}

/// With which credentials a connection is authenticated now.
#[derive(Debug)]
pub(in crate::redis) struct SignedIn {
    number: AtomicU64,
    /// `AUTH` is under way. The links that share a connection send it once.
    busy: AtomicBool,
}

impl SignedIn {
    pub(in crate::redis) fn with(number: u64) -> Self {
        Self {
            number: AtomicU64::new(number),
            busy: AtomicBool::new(false),
        }
    }

    /// The right to send `AUTH` with these credentials. `None`: the connection is authenticated with them or with later
    /// ones, or somebody else sends it.
    pub(in crate::redis) fn turn(self: &Arc<Self>, number: u64) -> Option<SignInTurn> {
        let is_due = || self.number.load(SeqCst) < number;
        if !is_due() || self.busy.swap(true, SeqCst) {
            return None;
        }
        let turn = SignInTurn(self.clone());
        // Another one may have ended in between.
        is_due().then_some(turn)
    }
}

/// The right to send `AUTH`, until it is dropped.
pub(in crate::redis) struct SignInTurn(Arc<SignedIn>);

impl SignInTurn {
    pub(in crate::redis) fn succeeded(&self, number: u64) {
        self.0.number.fetch_max(number, SeqCst);
    }
}

impl Drop for SignInTurn {
    fn drop(&mut self) {
        self.0.busy.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_sends_credentials_that_the_connection_has_not_seen() {
        let signed_in = Arc::new(SignedIn::with(1));
        assert!(signed_in.turn(1).is_none());
        let turn = signed_in.turn(2).unwrap();
        assert!(signed_in.turn(3).is_none());
        turn.succeeded(2);
        drop(turn);
        assert!(signed_in.turn(2).is_none());
        // One that failed is tried again.
        drop(signed_in.turn(3).unwrap());
        assert!(signed_in.turn(3).is_some());
    }
}
