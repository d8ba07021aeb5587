//! Connections to the masters of a cluster, each shared by the buckets of keys that its master serves.
//!
//! A bucket has a [`Link`](super::link::Link) of its own, with its own ledger, and may lose it on its own when its slot
//! moves to another master. The links of one master send over one connection, so the server keeps the order of commands,
//! replies and pushes for each of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionInfo, ErrorKind, RedisError};

use crate::redis::connection::login::SignedIn;
use crate::redis::connection::push::{Incoming, Push};

/// What a link does with a push.
pub(in crate::redis) type OnPush = Arc<dyn Fn(Push<'_>) + Send + Sync>;

/// A link that receives the pushes for keys and channels that begin with a hash tag.
pub(in crate::redis) struct PushReceiver<'a> {
    pub(in crate::redis) tag: &'a str,
    /// The number of its link; later links of the same process have larger ones.
    pub(in crate::redis) epoch: u64,
    pub(in crate::redis) on_push: OnPush,
}

/// The connections of one cluster.
#[derive(Default)]
pub(in crate::redis) struct Wires {
    /// By address and protocol.
    by_address: Mutex<HashMap<(String, bool), Arc<Shared>>>,
}

/// The connection to one server, if there is one.
#[derive(Default)]
struct Shared {
    wire: Mutex<Weak<Wire>>,
    /// Held while the connection is made, so that buckets that connect at the same time share it. Nobody waits long: the
    /// holder may belong to a runtime that stands still.
    turn: tokio::sync::Mutex<()>,
}

/// How long a bucket waits for the connection that another one makes.
const PATIENCE: Duration = Duration::from_millis(500);

/// One connection.
pub(in crate::redis) struct Wire {
    pub(in crate::redis) connection: MultiplexedConnection,
    /// With which credentials it is authenticated now.
    pub(in crate::redis) signed_in: Arc<SignedIn>,
    links: Arc<Links>,
}

/// The links that use a connection.
#[derive(Default)]
struct Links {
    /// By hash tag: the link that began last, by its epoch, and what it does with pushes.
    by_tag: Mutex<HashMap<Vec<u8>, (u64, OnPush)>>,
    /// The connection has ended, or its server has stopped answering: no further link may use it.
    dead: AtomicBool,
}

impl Wires {
    /// A connection to that server, and whether other links use it already. `signed_in`: the credentials in `info`.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or a link that began later uses the connection for the same keys.
    pub(in crate::redis) async fn open(
        &self,
        info: &ConnectionInfo,
        resp3: bool,
        config: AsyncConnectionConfig,
        receiver: PushReceiver<'_>,
        signed_in: Arc<SignedIn>,
    ) -> Result<(Arc<Wire>, bool), RedisError> {
        let address = (info.addr().to_string(), resp3);
        let shared = self.by_address.lock().entry(address).or_default().clone();
        let _turn = tokio::time::timeout(PATIENCE, shared.turn.lock()).await;
        let usable = |wire: &Arc<Wire>| !wire.links.dead.load(SeqCst);
        let present = shared.wire.lock().upgrade();
        if let Some(wire) = present.filter(usable) {
            wire.links.add(receiver)?;
            return Ok((wire, true));
        }
        let links = Arc::new(Links::default());
        links.add(receiver)?;
        let config = if resp3 {
            let links = links.clone();
            config.set_push_sender(
                move |push: redis::PushInfo| -> Result<(), std::convert::Infallible> {
                    if let Some(incoming) = Incoming::read(&push) {
                        links.pushed(&incoming);
                    }
                    Ok(())
                },
            )
        } else {
            config
        };
        let connection = redis::Client::open(info.clone())?
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let wire = Arc::new(Wire {
            connection,
            signed_in,
            links,
        });
        *shared.wire.lock() = Arc::downgrade(&wire);
        Ok((wire, false))
    }
}

impl Wire {
    /// The server has stopped answering: later links use another connection, and the present ones end.
    pub(in crate::redis) fn retire(&self) {
        if !self.links.dead.swap(true, SeqCst) {
            self.links.pushed(&Incoming::Disconnected);
        }
    }
}

impl std::fmt::Debug for Wires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wires").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Links {
    /// A supervisor that was replaced may still be connecting. Its link must not take the pushes of the link that its
    /// successor has made meanwhile: that one is in use, and would miss removals.
    fn add(&self, receiver: PushReceiver<'_>) -> Result<(), RedisError> {
        let mut by_tag = self.by_tag.lock();
        let tag = receiver.tag.as_bytes();
        if by_tag
            .get(tag)
            .is_some_and(|(epoch, _)| *epoch > receiver.epoch)
        {
            return Err((ErrorKind::Io, "another task has taken over the connection").into());
        }
        by_tag.insert(tag.to_vec(), (receiver.epoch, receiver.on_push));
        Ok(())
    }

    fn of(&self, name: &[u8]) -> Option<OnPush> {
        let by_tag = self.by_tag.lock();
        by_tag
            .get(hash_tag(name)?)
            .map(|(_, on_push)| on_push.clone())
    }

    fn pushed(&self, incoming: &Incoming<'_>) {
        match incoming {
            Incoming::Keys(keys) => {
                for key in keys {
                    if let Some(on_push) = self.of(key) {
                        on_push(Push::Keys(vec![key]));
                    }
                }
            }
            Incoming::Message { channel, payload } => {
                if let Some(on_push) = self.of(channel) {
                    on_push(Push::Ledger(payload));
                }
            }
            Incoming::Everything => self.tell_all(|| Push::Everything),
            Incoming::Disconnected => {
                self.dead.store(true, SeqCst);
                self.tell_all(|| Push::Disconnected);
            }
        }
    }

    fn tell_all(&self, push: impl Fn() -> Push<'static>) {
        // Called without the lock, because a link that hears of the end may be replaced at once.
        let all: Vec<_> = self.by_tag.lock().values().cloned().collect();
        for (_, on_push) in all {
            on_push(push());
        }
    }
}

/// The hash tag with which a key or channel begins, with its braces.
fn hash_tag(name: &[u8]) -> Option<&[u8]> {
    let end = name.iter().position(|byte| *byte == b'}')?;
    name.starts_with(b"{").then(|| &name[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_began_earlier_does_not_take_the_pushes_of_a_later_one() {
        let links = Links::default();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let receiver = |epoch| {
            let heard = heard.clone();
            let on_push: OnPush = Arc::new(move |_| heard.lock().push(epoch));
            PushReceiver {
                tag: "{b39}",
                epoch,
                on_push,
            }
        };
        links.add(receiver(1)).unwrap();
        links.add(receiver(3)).unwrap();
        links.add(receiver(2)).unwrap_err();
        links.pushed(&Incoming::Message {
            channel: b"{b39}%ledger",
            payload: b"",
        });
        links.pushed(&Incoming::Disconnected);
        assert_eq!(*heard.lock(), [3, 3]);
    }

    #[test]
    fn a_name_goes_to_the_link_of_its_hash_tag() {
        for (name, tag) in [
            ("{b39}shop:user:1", Some("{b39}")),
            ("{b39}{shop}:user:1", Some("{b39}")),
            ("shop:{b39}", None),
            ("{b39", None),
            ("", None),
        ] {
            assert_eq!(hash_tag(name.as_bytes()), tag.map(str::as_bytes));
        }
    }
}
