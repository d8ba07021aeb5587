//! One call's way to Redis: over which connection, and what the breaker hears of it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use super::budget::{Budget, patiently};
use super::link::{Fault, Link};
use super::tier::Tier;
use crate::entry::Origin;
use crate::sabotage::{Safeguard, off};
use crate::stats::bump;

/// One call's way to Redis: the tier, and the connection that was current when it began.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(super) tier: Arc<Tier>,
    pub(crate) link: Arc<Link>,
}

impl Session {
    pub(crate) fn full(&self, key: &str) -> String {
        [&self.tier.prefix, key].concat()
    }

    pub(crate) fn index(&self) -> &str {
        &self.tier.index
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.tier.prefix
    }

    /// Still the connection that this process reads over.
    pub(crate) fn is_current(&self) -> bool {
        self.tier.switch.is_current(&self.link)
    }

    /// What goes into everything that this session writes.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            run: self.link.run,
            namespace: self.tier.namespace,
        }
    }

    /// What an entry of that origin says may be believed, if it is of the right type and its time is not up.
    pub(crate) fn trusts(&self, origin: Origin) -> bool {
        let own = self.origin();
        origin.namespace == own.namespace && (origin.run == own.run || self.trusts_restarts())
    }

    pub(crate) fn trusts_restarts(&self) -> bool {
        self.tier.config.trust_restart || off(Safeguard::RunId)
    }

    /// Runs on the caller's runtime, bounded; dropped when too much is under way.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let spawned = self.tier.background.spawn(work);
        if !spawned {
            bump(&self.tier.counters.shed);
        }
        spawned
    }

    /// Lets the breaker see how an operation went. Whoever limits its time reports that by [`Session::timed_out`].
    pub(crate) fn seen<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        self.tier.observe(&self.link, &result);
        result
    }

    /// Waits for an operation within the limit of background work, and lets the breaker see how it went.
    pub(crate) async fn in_background<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let result = patiently(self.tier.config.command_timeout, pin!(work)).await;
        self.seen(result)
    }

    /// A caller's budget ended while it waited.
    pub(crate) fn timed_out(&self) {
        self.tier.observe::<()>(&self.link, &Err(Fault::TimedOut));
    }
}

impl Tier {
    /// The way to Redis, if there is one now. Only a process that has just started waits, within its budget.
    pub(crate) async fn session(self: &Arc<Self>, budget: &Budget) -> Option<Session> {
        if let Some(session) = self.session_now() {
            return Some(session);
        }
        if !self.supervised() || *self.started.borrow() {
            return self.session_now();
        }
        let mut started = self.started.subscribe();
        // A failed wait means that the budget is gone or nobody will ever connect: go on without Redis.
        let wait = async {
            started
                .wait_for(|started| *started)
                .await
                .map_err(|_| Fault::TimedOut)
                .map(drop)
        };
        // In a box: only the first calls of a process need it.
        let _ = budget.spend(Box::pin(wait).as_mut()).await;
        self.session_now()
    }

    pub(crate) fn session_now(self: &Arc<Self>) -> Option<Session> {
        let link = self.switch.published()?;
        Some(Session {
            tier: self.clone(),
            link,
        })
    }
}

impl Budget {
    /// The same for an operation of a session, whose breaker hears of a time-out.
    pub(crate) async fn spend_on<T>(
        &self,
        session: &Session,
        work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
    ) -> Result<T, Fault> {
        let had_any = !self.left().is_zero();
        let result = self.spend(work).await;
        if had_any && matches!(result, Err(Fault::TimedOut)) {
            session.timed_out();
        }
        result
    }
}
