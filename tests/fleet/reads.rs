//! Cached calls that are heard: where their values came from, and when.

use std::cell::Cell;
use std::future::Future;

use cache_runtime::observe;
use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use crate::body::{ASKED, Asked, Loaded, world};
use crate::catalogue::{Family, Target};
use crate::clock::{self, Nanos};
use crate::functions;
use crate::history::{Event, Got, Made, Read, Removal, Tier};
use crate::names::Row;

/// How a call went, beside its result.
pub(crate) struct Heard {
    begin: Nanos,
    end: Nanos,
    tier: Tier,
    stale: bool,
    /// When the call's own body began.
    pub(crate) ran: Option<Nanos>,
}

/// A read that is told.
pub(crate) async fn read(family: Family, id: u32) {
    let queued = cache_runtime::cache().stats().queued;
    let (heard, returned) = match family {
        Family::Thread => match asked_on_thread(id).await {
            Some(answer) => answer,
            None => return,
        },
        _ => asked(true, functions::read(family, id)).await,
    };
    let got = match &returned {
        Ok(view) => {
            assert_eq!(view.id, id, "another row's value");
            Got {
                began: view.began,
                loader: Some(view.process),
                version: view.version,
                author: view.author,
                tenant: view.tenant,
            }
        }
        // Which author it would have had, nobody knows: none that could be removed.
        Err(failed) => Got {
            began: failed.began,
            loader: None,
            version: 0,
            author: u64::MAX,
            tenant: world().tenant,
        },
    };
    let Heard {
        begin,
        end,
        tier,
        stale,
        ran,
    } = heard;
    world().teller.tell(Event::Read(Read {
        begin,
        end,
        family,
        id,
        tier,
        stale,
        got,
    }));
    // Its own load removed what else was under its prefix.
    if let (Family::Own, Some(began), Ok(_)) = (family, ran, returned) {
        tell_removal(
            Target::Key(family, id),
            began,
            cache_runtime::cache().stats().queued == queued,
        );
    }
}

/// Those rows of a family, at the same time.
pub(crate) async fn look(family: Family, rows: Vec<u32>) {
    let mut reads = JoinSet::new();
    for id in rows {
        reads.spawn(read(family, id));
    }
    reads.join_all().await;
}

/// Runs a cached call and hears how it went.
pub(crate) async fn asked<T>(missed: bool, call: impl Future<Output = T>) -> (Heard, T) {
    let at = clock::now();
    let scope = Asked {
        at,
        missed,
        ran: Cell::new(None),
        wrote: Cell::new(None),
    };
    ASKED
        .scope(scope, async {
            let (returned, observed) = observe(call).await;
            let end = clock::now();
            let ran = ASKED.with(|asked| asked.ran.get());
            // An older value may have stood in for its own body.
            let tier = match ran {
                _ if observed.memory_hits > 0 => Tier::Memory,
                _ if observed.hits > 0 => Tier::Redis,
                Some(_) => Tier::Body,
                None => Tier::Shared,
            };
            (
                Heard {
                    begin: at,
                    end,
                    tier,
                    stale: observed.stale > 0,
                    ran,
                },
                returned,
            )
        })
        .await
}

/// The same on a thread that may block. `None`: the runtime has ended before.
async fn asked_on_thread(id: u32) -> Option<(Heard, Loaded)> {
    let read = move || {
        let call = asked(true, async { functions::on_thread(Row(id)) });
        call.now_or_never().expect("nothing in it waits for a task")
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(answer) => Some(answer),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

/// A scope for a call that tells nothing of its reading.
pub(crate) async fn within<T>(call: impl Future<Output = T>) -> T {
    let scope = Asked {
        at: clock::now(),
        missed: false,
        ran: Cell::new(None),
        wrote: Cell::new(None),
    };
    ASKED.scope(scope, call).await
}

/// A removal of a cached function, from when it was owed on.
pub(crate) fn tell_removal(target: Target, called: Nanos, durable: bool) {
    tell(target, called, Some(durable), Made::ByFunction);
}

/// The same of one whose caller may have gone away.
pub(crate) fn tell_dropped(target: Target, called: Nanos, ended: Option<bool>) {
    tell(target, called, ended, Made::ByFunction);
}

/// A removal by hand, whose caller may have gone away.
pub(crate) fn tell_by_hand(target: Target, called: Nanos, ended: Option<bool>) {
    tell(target, called, ended, Made::ByHand);
}

/// `ended`: whether it was durable, if it ended.
fn tell(target: Target, called: Nanos, ended: Option<bool>, made: Made) {
    world().teller.tell(Event::Removal(Removal {
        called,
        returned: clock::now(),
        target,
        durable: ended == Some(true),
        dropped: ended.is_none(),
        made,
    }));
}
