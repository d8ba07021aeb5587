//! Bodies that always run, and whose results replace what stands.

use std::future::Future;
use std::time::Duration;

use super::boxed;
use super::lead::{alone, watched};
use super::owed::{Judged, Owed};
use super::tally::{count, kept, ran};
use super::translate::request;
use crate::cacheable::Cacheable;
use crate::deferred;
use crate::flight::Outcome;
use crate::key::Pattern;
use crate::memory::Kept;
use crate::outcome::{CallOutcome, Status, Why, note};
use crate::redis::Budget;
use crate::site::{Call, Keyed, Late};

/// The body runs whatever stands; its result replaces the entry, or the entry goes.
///
/// `budget`: what the call may still wait for Redis.
pub(super) async fn anew<R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    late: L,
    body: F,
    budget: Budget,
) -> R
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let (cache, site, about) = (call.used_cache(), call.site, call.about());
    count(&cache, call.site, |counters| &counters.misses);
    let told = |returned: &R| note(|| ran(about, kind, returned, Status::Miss, Why::Asked));
    let Keyed::Key(key) = &call.key else {
        let returned = boxed(|| alone(&cache, call, kind, late, boxed(body))).await;
        told(&returned);
        return returned;
    };
    let key = key.clone();
    if deferred::is_active() {
        let mut owed = Owed::new(&cache, call).with(Pattern::key(&key));
        let returned = watched(&cache, site, Some(key.as_str()), boxed(body)).await;
        owed.settle(kind.success(&returned), late);
        owed.pay(None).await;
        told(&returned);
        return returned;
    }
    let ttl = cache.lifetime(call.used_ttl());
    let (tags, open_tags) = call.tags.known_and_open();
    let loading = {
        let request = request(&call, &key, kind, &tags, &open_tags);
        cache.seize(&request, &budget).await
    };
    // Whatever happens from here on, the entry from before must not outlive it.
    let mut owed = Owed::new(&cache, call).with(Pattern::key(&key));
    let returned = match &loading {
        Some(loading) => loading.run(boxed(body)).await,
        None => watched(&cache, site, Some(key.as_str()), boxed(body)).await,
    };
    let mut returned = kind.prepare(returned).await;
    let judged = owed.judge(kind.success(&returned), when, late);
    owed.pay(loading.as_ref()).await;
    let tags = owed.call.tags.known_and_open().0;
    let kept: Option<(Kept, Duration)> = match judged {
        Judged::Store => kept(site, kind, &returned).map(Some).zip(ttl),
        Judged::Nothing => owed.call.site.none_ttl.map(|life| (None, life)),
        Judged::Share | Judged::Failed => None,
    };
    let life = kept.as_ref().map_or(Duration::ZERO, |(_, life)| *life);
    let stored = match (loading, kept) {
        (Some(loading), Some((kept, life))) => {
            loading.store_through(kept, life, tags, &budget).await
        }
        (Some(loading), None) => {
            loading.end(Outcome::Unshared, judged == Judged::Failed);
            judged == Judged::Failed
        }
        (None, _) => false,
    };
    if !stored {
        let _ = cache.remove(vec![Pattern::key(&key)], None).await;
    }
    note(|| CallOutcome {
        ttl: life,
        stored: stored && !life.is_zero(),
        ..ran(about, kind, &returned, Status::Miss, Why::Asked)
    });
    kind.release(&mut returned);
    returned
}
