//! Authenticates live connections again when a provider has given other credentials, or credentials that last longer.
//!
//! `AUTH` is a command among others on the connection: replies, pushes and subscriptions go on, and if the server refuses
//! it, the connection stays authenticated as before.

use std::pin::pin;
use std::sync::Arc;

use crate::redis::connection::budget::patiently;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::link::Link;
use crate::redis::connection::login::SignInTurn;
use crate::redis::connection::provided::{Issued, Provided};
use crate::redis::connection::tier::Tier;

impl Tier {
    /// Asks the providers if it is time to, and sends `AUTH` if there are credentials that the connection has not seen. In a
    /// task of its own, so that the supervisor waits for neither.
    pub(in crate::redis) fn keep_signed_in(self: &Arc<Self>, link: &Arc<Link>) {
        if let Some(sentinels) = self.target.as_sentinels() {
            sentinels.keep();
        }
        let Some(provided) = self.target.login.provider() else {
            return;
        };
        provided.keep();
        let Some(issued) = provided.usable() else {
            return;
        };
        let Some(turn) = link.signed_in.turn(issued.number) else {
            return;
        };
        let (tier, link, provided) = (self.clone(), link.clone(), provided.clone());
        self.background.spawn(async move {
            tier.sign_in(&link, &provided, &issued, &turn).await;
        });
    }

    async fn sign_in(&self, link: &Link, provided: &Provided, issued: &Issued, turn: &SignInTurn) {
        let Some(credentials) = &issued.credentials else {
            return;
        };
        let auth = credentials.auth();
        let sending = pin!(link.send::<redis::Value>(&auth));
        match patiently(self.settings.command_timeout, sending).await {
            Ok(_) => {
                turn.succeeded(issued.number);
                provided.accepted(issued);
                tracing::debug!(redis = %self.target, "Redis has accepted renewed credentials on a live connection");
            }
            Err(Fault::Refused(why)) => {
                if provided.refused(issued, Some(why.clone())) {
                    tracing::warn!(
                        redis = %self.target, reason = %why,
                        "Redis refuses renewed credentials: the connection goes on with those of before, and the provider is \
                         asked for others"
                    );
                }
            }
            // The heartbeat notices a connection that is lost; on another one the next heartbeat tries again.
            Err(_) => {}
        }
    }
}
