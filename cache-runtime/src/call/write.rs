//! Bodies that always run, and store nothing.

use std::future::Future;
use std::pin::Pin;

use crate::cache::Cache;
use crate::cacheable::{Returned, Success};
use crate::call::body::AddResultPatterns;
use crate::call::boxed;
use crate::call::call::Call;
use crate::call::load::timed;
use crate::call::removals::PendingRemovals;

/// Runs the body, and makes its removals if it succeeds.
///
/// The result keeps its type, because it is not stored: it may borrow, and need not be `Send`.
pub(super) async fn run<R, K, B>(
    call: Call,
    kind: K,
    add_result_patterns: AddResultPatterns<'_, K::Inner>,
    body: B,
) -> R
where
    K: Returned<R>,
    B: Future<Output = R> + Unpin,
{
    let cache: Cache = call.used_cache();
    let mut removals = PendingRemovals::new(&cache, call);
    let returned = boxed(|| timed(&cache, removals.call.site, None, removals.around(body))).await;
    removals.after(kind.ended(&returned), |result_patterns| {
        if let Success::Value(value) = kind.success(&returned) {
            add_result_patterns(value, result_patterns);
        }
    });
    // Called through a pointer, so that its frame is not part of the one from which the body is polled.
    let removing: Pin<Box<dyn Future<Output = ()> + Send + '_>> = boxed(|| removals.run(None));
    removing.await;
    returned
}
