//! A read: memory settles a hit at once; everything else is a miss, in a box.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::Instrument as _;

use super::ahead::{Ahead, may_refresh};
use super::lead::Load;
use super::miss::{Miss, miss};
use super::tally::served;
use super::translate::{give_back_aged, request};
use super::{Mode, asked_of, boxed};
use crate::cacheable::Cacheable;
use crate::outcome::{naming, wished};
use crate::site::{Call, Keyed, Late};
use crate::spans;

/// A memory hit is settled here and now.
pub(super) fn begin<R, K, W, L, F, Fut>(
    call: Call,
    kind: K,
    when: W,
    late: L,
    body: F,
    ahead: Option<Ahead<R, K, W, L, Fut>>,
) -> impl Future<Output = R> + use<R, K, W, L, F, Fut>
where
    K: Cacheable<R>,
    W: FnOnce(&K::Inner) -> bool,
    L: FnOnce(&K::Inner, &mut Late<'_>),
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
{
    let wish = wished();
    let mode = match asked_of(call.site) {
        Mode::Uncached => Mode::Uncached,
        _ if wish.authorized && K::ANSWERS && call.is_blind_to_credentials() => Mode::Blind,
        Mode::Normal if wish.fresh => Mode::Newer,
        mode => mode,
    };
    let name = match &call.key {
        Keyed::Key(key) if wish.keys => Some(Arc::from(key.as_str())),
        _ => None,
    };
    if mode == Mode::Normal
        && let Keyed::Key(key) = &call.key
    {
        let cache = call.used_cache();
        cache.inner.watch.saw(key.as_str(), call.site.name());
        let hit = {
            let request = request(&call, key, kind, &[], &[]);
            cache.recall(&request)
        };
        if let Some(mut hit) = hit
            && let Some(returned) = give_back_aged(kind, &mut hit)
        {
            naming(name.as_ref(), || served(&cache, call.about(), &hit, None));
            if let Some(ahead) = ahead.filter(|_| hit.refresh && may_refresh(&cache, key)) {
                let budget = Arc::new(cache.background_budget());
                let load = Load {
                    cache,
                    call,
                    kind,
                    when,
                    late,
                    work: boxed(body),
                    budget,
                    waits_for_store: false,
                };
                (ahead.refresh)(load, hit.version);
            }
            return Small::Ready(Some(returned));
        }
    }
    let span = spans::read(call.site.name(), call.key.as_str());
    let missed = miss(Miss {
        call,
        kind,
        when,
        late,
        body,
        mode,
        ahead,
    })
    .instrument(span);
    Small::Boxed(Box::pin(missed), name)
}

/// A future that is done, or a box.
enum Small<R, F> {
    Ready(Option<R>),
    /// And the call's key, if its observer wants to know it.
    Boxed(Pin<Box<F>>, Option<Arc<str>>),
}

// The value is never pinned: it is moved out whole.
impl<R, F> Unpin for Small<R, F> {}

impl<R, F: Future<Output = R>> Future for Small<R, F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        match &mut *self {
            Self::Ready(returned) => match returned.take() {
                Some(value) => match tokio::task::coop::poll_proceed(context) {
                    // A loop of hits must let others have a turn, the task among them that hears of removals.
                    Poll::Pending => {
                        *returned = Some(value);
                        Poll::Pending
                    }
                    Poll::Ready(proceed) => {
                        proceed.made_progress();
                        Poll::Ready(value)
                    }
                },
                // As every `async fn` does: whoever polls a future that has ended has a bug.
                None => panic!("a cached call was polled after it had ended"),
            },
            Self::Boxed(future, name) => naming(name.as_ref(), || future.as_mut().poll(context)),
        }
    }
}
