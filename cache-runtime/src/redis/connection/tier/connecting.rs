//! Opens a connection for the tier, with the credentials that are valid now.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::redis::connection::fault::{Fault, fault};
use crate::redis::connection::link::{Link, Purpose};
use crate::redis::connection::provided::Issued;
use crate::redis::connection::push::Push;
use crate::redis::connection::span::RedisSpan;
use crate::redis::connection::tier::Tier;
use crate::redis::ledger::Ledger;

impl Tier {
    /// Connects, and makes the connection ready. If Redis refuses the credentials of a provider, it is asked for others, and
    /// those are tried at once.
    pub(in crate::redis) async fn connect(self: &Arc<Self>) -> Result<Arc<Link>, Fault> {
        let asking = RedisSpan::begin("connect", "HELLO", None);
        let limit = self.settings.connect_timeout;
        let link = match tokio::time::timeout(limit, self.connect_signed_in(limit)).await {
            Ok(link) => link,
            Err(_) => Err(Fault::TimedOut),
        };
        let link = asking.ended(link).map(Arc::new);
        if link.as_ref().is_err_and(Fault::is_a_cluster) {
            self.found_cluster();
        }
        link
    }

    async fn connect_signed_in(self: &Arc<Self>, limit: Duration) -> Result<Link, Fault> {
        let login = self.target.login.issue(limit / 2).await.map_err(fault)?;
        let link = self.connect_as(&login).await;
        let Some(provider) = self.target.login.provider() else {
            return link;
        };
        match &link {
            Ok(_) => provider.accepted(&login),
            Err(fault) if fault.is_about_the_login() => {
                provider.refused(&login, None);
                let other = self.target.login.issue(limit / 2).await;
                if let Some(other) = other.ok().filter(|other| other.login > login.login) {
                    let link = self.connect_as(&other).await;
                    if link.is_ok() {
                        provider.accepted(&other);
                    }
                    return link;
                }
            }
            Err(_) => {}
        }
        link
    }

    async fn connect_as(self: &Arc<Self>, login: &Issued) -> Result<Link, Fault> {
        let epoch = self.epochs.fetch_add(1, Ordering::SeqCst) + 1;
        let ledger = Arc::new(if self.target.is_cluster() {
            Ledger::of_one_birth()
        } else {
            Ledger::default()
        });
        let on_push = {
            let (weak, ledger) = (Arc::downgrade(self), ledger.clone());
            move |push: Push<'_>| {
                if let Some(tier) = weak.upgrade() {
                    tier.pushed(epoch, &ledger, &push);
                }
            }
        };
        let purpose = Purpose {
            target: &self.target,
            login,
            epoch,
            timeout: self.settings.connect_timeout,
            ledger_name: format!("{}%ledger", self.prefix),
            // All databases of a server share their channels, so the channel's name contains the database.
            channel: format!("{}%ledger@{}", self.prefix, self.target.database()),
            trusts_restarts: self.settings.trust_restart,
            ledger,
            times: self.times.clone(),
        };
        Link::connect(purpose, on_push).await
    }
}
