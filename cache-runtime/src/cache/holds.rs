//! Loads that a test holds at the end of their body.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::key::Pattern;

/// Which loads of a cache are held.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<Vec<Arc<Hold>>>);

/// The loads of the keys that a pattern matches.
#[derive(Debug)]
pub(crate) struct Hold {
    pattern: Pattern,
    held: watch::Sender<usize>,
    released: watch::Sender<bool>,
}

impl Holds {
    /// Holds loads from now on, until they are released.
    pub(crate) fn add(&self, pattern: Pattern) -> Arc<Hold> {
        let hold = Arc::new(Hold {
            pattern,
            held: watch::Sender::new(0),
            released: watch::Sender::new(false),
        });
        self.0.lock().push(hold.clone());
        hold
    }

    /// Lets the loads go on.
    pub(crate) fn release(&self, hold: &Arc<Hold>) {
        self.0.lock().retain(|other| !Arc::ptr_eq(other, hold));
        hold.released.send_replace(true);
    }

    /// Waits while the load of the key is held.
    pub(crate) async fn pass(&self, key: &str) {
        let holds: Vec<_> = self.0.lock().clone();
        for hold in holds {
            if hold.pattern.matches(key, &[""; 0]) {
                hold.pass().await;
            }
        }
    }
}

impl Hold {
    async fn pass(&self) {
        let _held = Held::begin(&self.held);
        let mut released = self.released.subscribe();
        // An error: the sender is gone, which this borrows.
        let _ = released.wait_for(|released| *released).await;
    }

    /// How many loads are held now.
    pub(crate) fn count(&self) -> usize {
        *self.held.borrow()
    }

    /// Waits until as many loads are held.
    pub(crate) async fn reached(&self, loads: usize) {
        let mut held = self.held.subscribe();
        let _ = held.wait_for(|held| *held >= loads).await;
    }
}

/// A load that is held. It is counted down when its caller is dropped, too.
struct Held<'a>(&'a watch::Sender<usize>);

impl<'a> Held<'a> {
    fn begin(held: &'a watch::Sender<usize>) -> Self {
        held.send_modify(|held| *held += 1);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}
