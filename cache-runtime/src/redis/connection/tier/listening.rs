//! Handles the pushes of a connection: a changed key, a removal, the loss of the ledger or of the connection.

use std::ptr;
use std::str;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::common::safeguard::{Safeguard, off};
use crate::key::Pattern;
use crate::redis::connection::link::Link;
use crate::redis::connection::push::Push;
use crate::redis::connection::session::Session;
use crate::redis::connection::tier::Tier;
use crate::redis::ledger::{Effect, Ledger, Message};
use crate::redis::unstored::RemovedNames;
use crate::telemetry::stats::bump;

impl Tier {
    pub(super) fn pushed(self: &Arc<Self>, epoch: u64, ledger: &Arc<Ledger>, push: &Push<'_>) {
        match push {
            Push::Keys(keys) => {
                for key in keys {
                    if let Some(key) = key
                        .strip_prefix(self.prefix.as_bytes())
                        .and_then(|key| str::from_utf8(key).ok())
                    {
                        self.local.changed(key);
                    }
                }
            }
            Push::Everything => self.local.everything_changed(),
            Push::Ledger(payload) => {
                if let Some(removed) = RemovedNames::read(payload) {
                    if off(Safeguard::Names) {
                        return;
                    }
                    let spared = self.own_removals.spared(removed.sender);
                    self.local.remove(&removed.keys, spared.as_deref());
                    return;
                }
                let Some(message) = Message::read(payload) else {
                    return;
                };
                if off(Safeguard::PushOrder) {
                    let (tier, ledger) = (self.clone(), ledger.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        tier.heard(&ledger, message);
                    });
                } else {
                    self.heard(ledger, message);
                }
            }
            Push::Disconnected => {
                let link = self.switch.published().filter(|link| link.epoch == epoch);
                match link {
                    Some(link) => self.lose(&link, "the connection ended"),
                    None => self.rouse(),
                }
            }
        }
    }

    /// Handles a message of the ledger's channel: the ledger first, then memory and flights, so that a fill in between
    /// finds its entry covered.
    fn heard(self: &Arc<Self>, ledger: &Ledger, message: Message) {
        let sender = message.sender;
        let link = self.switch.published();
        match ledger.hear(message) {
            Effect::Nothing => return,
            Effect::Everything => {
                if let Some(link) = &link {
                    self.ledger_lost(link);
                }
                self.local.everything_changed();
                self.local.remove(&[Pattern::all()], None);
                if self.unstored.is_wanted() {
                    // The new ledger lacks the mark.
                    self.rouse();
                }
                // The message may come over a connection that this part of the cache has left.
                let its_own = |link: &&Arc<Link>| ptr::eq(&*link.ledger, ledger);
                if self.target.is_cluster() {
                    if let Some(link) = link.as_ref().filter(its_own) {
                        self.lose(link, "the ledger has begun anew");
                    }
                    return;
                }
            }
            Effect::Removed(patterns) => {
                let spared = self.own_removals.spared(sender);
                self.local.remove(&patterns, spared.as_deref());
            }
        }
        if let Some(link) = link {
            let tier = self.clone();
            // The removing process is about to count the entries in the catalogue.
            Session { tier, link }.catalogue_now();
        }
    }

    /// The ledger was evicted or deleted, so everything that was stored under it is cold. Logs this once, with the
    /// server's eviction policy.
    pub(in crate::redis) fn ledger_lost(self: &Arc<Self>, link: &Arc<Link>) {
        bump(&self.counters.ledger_losses);
        if self.loss_said.swap(true, Ordering::Relaxed)
            || !self.target.is_first_to_say("ledger lost")
        {
            return;
        }
        let session = Session {
            tier: self.clone(),
            link: link.clone(),
        };
        self.background.spawn(async move {
            let policy = session.eviction_policy().await;
            tracing::warn!(
                ledger = session.ledger_name(), policy,
                "Redis has lost the ledger of removals, because it was evicted or deleted: every entry stored so far counts \
                 as a miss, so the cache is cold once; give Redis more memory, or give the cache a server of its own"
            );
        });
    }
}
