//! Transactions that write a row and read what they have written, and are committed, rolled back, or dropped.

use cache_runtime::deferred;
use tokio::time::timeout;

use crate::acts::Actor;
use crate::body::{ASKED, Loaded, world};
use crate::catalogue::{Failed, Family, Target};
use crate::functions::{self, group_of, wrote};
use crate::names::Row;
use crate::reads::{asked, tell_removal, within};
use crate::{clock, uncommitted};

/// How a transaction ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    Rollback,
    /// Its task goes away at any time.
    Drop,
}

impl Actor {
    pub(crate) async fn transact(&self, family: Family, id: u32) {
        // The loads of the one remove other entries, and its own is not removed by the writer; the other's are on threads
        // that do not belong to the transaction.
        let family = match family {
            Family::Own | Family::Thread => Family::Item,
            family => family,
        };
        let end = match self.random.below(10) {
            0..5 => End::Commit,
            5..9 => End::Rollback,
            _ => End::Drop,
        };
        let queued = self.cache.stats().queued;
        let transaction = uncommitted::transaction(deferred(changed(family, id, end)));
        let committed = within(async {
            let ended = match end {
                End::Drop => timeout(self.random.millis((0, 40)), transaction).await.ok(),
                End::Commit | End::Rollback => Some(transaction.await),
            };
            matches!(ended, Some(Ok(()))).then(|| ASKED.with(|asked| asked.wrote.get()))
        });
        if let Some(wrote) = committed.await.flatten() {
            let durable = self.cache.stats().queued == queued;
            tell_removal(Target::Row(id), wrote, durable);
        }
    }
}

async fn changed(family: Family, id: u32, end: End) -> Result<(), Failed> {
    let (group, row) = (group_of(id), Row(id));
    let version = functions::change_row(group, row, family).await?;
    check(version, functions::read(family, id)).await;
    check(version, functions::refresh(family, id)).await;
    if end == End::Rollback {
        return Err(Failed {
            began: clock::now(),
        });
    }
    uncommitted::end();
    world().rows.change(id).await;
    wrote();
    Ok(())
}

/// A cached call inside of the transaction sees what the transaction has written, unless its body fails.
pub(crate) async fn check(written: u64, call: impl Future<Output = Loaded>) {
    let (_, returned) = asked(false, call).await;
    if let Ok(view) = returned {
        assert_eq!(
            view.version, written,
            "a transaction was given something else than what it had written"
        );
    }
}
