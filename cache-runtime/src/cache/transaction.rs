//! Scopes of a task in which data has been changed and not yet removed from the cache: its calls neither read that data from the
//! cache nor store it.
//!
//! There are two scopes. A database transaction ([`crate::deferred()`]) collects removals until its commit. The body of a
//! writer, a function that invalidates, may have changed whatever its patterns cover before these are removed. Scopes nest:
//! a call goes by all of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use crate::cache::Cache;
#[cfg(feature = "_outbox")]
use crate::cache::in_outbox::InOutbox;
use crate::cache::noted::{AT_ONCE, Noted};
use crate::common::safeguard::{Safeguard, off};
use crate::key::Pattern;
use crate::telemetry::invalidation::{Durability, Invalidation};
use crate::telemetry::outcome::Reason;

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// A part of a task, and the patterns that cover the data that it may have changed.
#[derive(Debug)]
pub(super) struct Scope {
    outer: Option<Arc<Scope>>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Transaction(Transaction),
    Writer(WriterScope),
    /// After a commit: what surrounds it does not hold back its removals.
    #[cfg(feature = "_outbox")]
    Committed,
}

/// A running transaction.
#[derive(Debug, Default)]
struct Transaction {
    /// The removals that wait for its commit.
    collected: Mutex<Vec<Changes>>,
    /// In the outermost one: what else was changed, with numbers to find it by. That is what writers have begun and not
    /// completed, and what the transactions inside have collected, until the outermost one ends.
    begun: Mutex<Vec<(u64, Changes)>>,
    /// Which of the collected removals are in an outbox.
    #[cfg(feature = "_outbox")]
    outbox: Mutex<InOutbox>,
}

/// The body of a writer.
#[derive(Debug)]
struct WriterScope {
    own: Changes,
    /// The removals that other writers, or calls by hand, have made inside of the body. If the body has a transaction of its
    /// own, they were too early: so the writer makes them again at its end.
    removed: Mutex<Noted>,
    /// The patterns of writers that have failed inside of the body, which may have changed data and removed nothing.
    changed: Mutex<Noted>,
}

/// If more different patterns of one cache were removed inside of a writer than this, everything was, so that a body that never
/// ends does not take more and more memory.
const MOST_NOTED: usize = 10_000;

/// The patterns that cover what was changed.
type Changes = (Cache, Vec<Pattern>);

impl Scope {
    /// The scope of a transaction that begins here.
    pub(super) fn transaction() -> Arc<Self> {
        Self::inside(Kind::Transaction(Transaction::default()))
    }

    /// A scope without those around it, for the removals of a transaction that has committed.
    #[cfg(feature = "_outbox")]
    fn committed() -> Arc<Self> {
        let (outer, kind) = (None, Kind::Committed);
        Arc::new(Self { outer, kind })
    }

    fn inside(kind: Kind) -> Arc<Self> {
        let outer = SCOPE.try_with(Arc::clone).ok();
        Arc::new(Self { outer, kind })
    }

    /// Takes the removals that the transaction has collected.
    pub(super) fn take_collected(&self) -> Vec<Changes> {
        let collected =
            |transaction: &Transaction| std::mem::take(&mut *transaction.collected.lock());
        self.as_transaction().map_or_else(Vec::new, collected)
    }

    /// The removals that the transaction has collected so far, and which of them are in an outbox.
    #[cfg(feature = "_outbox")]
    pub(super) fn look<T>(&self, look: impl FnOnce(&[Changes], &mut InOutbox) -> T) -> Option<T> {
        let transaction = self.as_transaction()?;
        let collected = transaction.collected.lock();
        let mut outbox = transaction.outbox.lock();
        Some(look(&collected, &mut outbox))
    }

    fn as_transaction(&self) -> Option<&Transaction> {
        match &self.kind {
            Kind::Transaction(transaction) => Some(transaction),
            Kind::Writer(_) => None,
            #[cfg(feature = "_outbox")]
            Kind::Committed => None,
        }
    }

    fn as_writer(&self) -> Option<&WriterScope> {
        match &self.kind {
            Kind::Writer(writer) => Some(writer),
            Kind::Transaction(_) => None,
            #[cfg(feature = "_outbox")]
            Kind::Committed => None,
        }
    }

    /// The outermost transaction that this one is inside of.
    fn outermost(&self) -> &Self {
        let outer = self.outer.as_deref();
        match outer.filter(|outer| outer.as_transaction().is_some()) {
            Some(outer) => outer.outermost(),
            None => self,
        }
    }

    /// Why a call must not use the cache for a key whose patterns `covers` recognizes.
    fn reason(&self, cache: &Cache, covers: &impl Fn(&Pattern) -> bool) -> Option<Reason> {
        let cover = |(of, patterns): &Changes| of.is(cache) && patterns.iter().any(covers);
        let why = match &self.kind {
            Kind::Writer(writer) => (cover(&writer.own)
                || writer.removed.lock().any(cache, covers)
                || writer.changed.lock().any(cache, covers))
            .then_some(Reason::OwnWrite),
            Kind::Transaction(transaction) => (transaction.collected.lock().iter().any(cover)
                || transaction
                    .begun
                    .lock()
                    .iter()
                    .any(|(_, changes)| cover(changes)))
            .then_some(Reason::InTransaction),
            #[cfg(feature = "_outbox")]
            Kind::Committed => None,
        };
        why.or_else(|| self.outer.as_ref()?.reason(cache, covers))
    }
}

/// Runs a future inside a scope.
pub(super) async fn within<F: Future>(scope: Arc<Scope>, work: F) -> F::Output {
    SCOPE.scope(scope, work).await
}

/// Inside a transaction: collects the removal, and returns the result to report. `None` outside.
pub(crate) fn defer(cache: &Cache, patterns: &[Pattern]) -> Option<Invalidation> {
    let collect = |scope: &Arc<Scope>| {
        let transaction = scope.as_transaction()?;
        let changes = (cache.clone(), patterns.to_vec());
        let outermost = scope.outermost().as_transaction()?;
        if !std::ptr::eq(outermost, transaction) {
            outermost.begin(changes.clone());
        }
        transaction.collected.lock().push(changes);
        Some(())
    };
    SCOPE.try_with(collect).ok().flatten()?;
    Some(Invalidation {
        removed: 0,
        durability: Durability::Deferred,
    })
}

/// Inside the body of a writer: notes the removal, which the writer makes once more.
pub(crate) fn note_in_writer(cache: &Cache, patterns: &[Pattern]) {
    let _ = SCOPE.try_with(|scope| {
        if let Some(writer) = scope.as_writer() {
            let mut removed = writer.removed.lock();
            removed.add(cache, patterns.iter().cloned());
            removed.limit(MOST_NOTED);
        }
    });
}

/// Whether the call runs inside a transaction or a writer.
#[inline] // it is on the path of a memory hit
pub(crate) fn is_inside() -> bool {
    SCOPE.try_with(|_| ()).is_ok()
}

/// Does something after the commit of the call's own transaction, whatever surrounds that.
#[cfg(feature = "_outbox")]
pub(crate) async fn after_commit<F: Future>(work: F) -> F::Output {
    SCOPE.scope(Scope::committed(), work).await
}

/// The same for what need not be awaited.
#[cfg(feature = "_outbox")]
pub(crate) fn after_commit_now<T>(work: impl FnOnce() -> T) -> T {
    SCOPE.sync_scope(Scope::committed(), work)
}

/// Whether the call runs inside a transaction: then a load may see rows that nobody else may see yet.
pub(crate) fn is_active() -> bool {
    SCOPE
        .try_with(|scope| scope.as_transaction().is_some())
        .unwrap_or(false)
}

/// Whether what the key holds may have been changed by a scope of this call, which removes it at its end.
pub(crate) fn is_due(cache: &Cache, key: &str, tags: &[String]) -> bool {
    is_inside() && why_due(cache, |pattern| pattern.matches(key, tags)).is_some()
}

/// The same for a key whose tags are not all known: its entry may carry any tag that begins with one of `open`. Returns why
/// the call must not use the cache.
pub(crate) fn may_be_due(
    cache: &Cache,
    key: &str,
    tags: &[String],
    open: &[String],
) -> Option<Reason> {
    why_due(cache, |pattern| {
        let begins = |tag: &str| {
            let mut open = open.iter();
            open.any(|open| tag.starts_with(&**open) || open.starts_with(tag))
        };
        pattern.matches(key, tags)
            || match pattern {
                Pattern::Tag(tag) | Pattern::TagPrefix(tag) => begins(tag),
                Pattern::AllTags(all) => all.iter().any(|tag| begins(tag)),
                _ => false,
            }
    })
}

/// The same for a key of whose tags nothing is known.
pub(crate) fn may_be_due_by_any_tag(cache: &Cache, key: &str) -> bool {
    is_inside() && may_be_due(cache, key, &[], &[String::new()]).is_some()
}

/// The scope of the transaction that the call runs in.
#[cfg(feature = "_outbox")]
pub(super) fn current() -> Option<Arc<Scope>> {
    let current = SCOPE.try_with(Arc::clone).ok();
    current.filter(|scope| scope.as_transaction().is_some())
}

fn why_due(cache: &Cache, covers: impl Fn(&Pattern) -> bool) -> Option<Reason> {
    if off(Safeguard::OwnWrites) {
        return None;
    }
    SCOPE
        .try_with(|scope| scope.reason(cache, &covers))
        .ok()
        .flatten()
}

/// A writer, from before its body until its removals are made.
///
/// Its body may change data first and then call cached functions. What its patterns cover is neither read from the cache
/// nor stored there: the cache still has the old value, and the new one may be rolled back. Inside a transaction this lasts
/// until the transaction ends, because the transaction sees the change even if the writer has failed.
#[derive(Debug)]
pub(crate) struct Writer(Option<Registered>);

#[derive(Debug)]
enum Registered {
    /// A scope around the body.
    Around(Arc<Scope>),
    /// In the transaction, by this number.
    Begun(Arc<Scope>, u64),
}

impl Writer {
    /// `patterns`: whatever the writer may change; those that depend on its result are widened.
    pub(crate) fn begin(cache: &Cache, patterns: &[Pattern]) -> Self {
        if patterns.is_empty() {
            return Self(None);
        }
        let changes = (cache.clone(), patterns.to_vec());
        let current = SCOPE.try_with(Arc::clone).ok();
        let transaction = current.filter(|scope| scope.as_transaction().is_some());
        Self(Some(match transaction {
            None => Registered::Around(Scope::inside(Kind::Writer(WriterScope {
                own: changes,
                removed: Mutex::default(),
                changed: Mutex::default(),
            }))),
            Some(scope) => {
                let outermost = scope.outermost().as_transaction();
                let number = outermost.map_or(0, |to| to.begin(changes));
                Registered::Begun(scope, number)
            }
        }))
    }

    /// The body, which runs inside of the scope.
    pub(crate) fn around<B>(&self, body: B) -> Within<B> {
        let scope = match &self.0 {
            Some(Registered::Around(scope)) => Some(scope.clone()),
            // The task is inside of the transaction already.
            Some(Registered::Begun(..)) | None => None,
        };
        Within { scope, body }
    }

    /// Runs a body that is not a future inside of the scope.
    pub(crate) fn inside<T>(&self, body: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(Registered::Around(scope)) => SCOPE.sync_scope(scope.clone(), body),
            Some(Registered::Begun(..)) | None => body(),
        }
    }

    /// Takes the removals that were made in the body. Those of this cache are added to the writer's own patterns, as long as
    /// they fit into one removal; the others are returned.
    pub(crate) fn take_inside(&self, cache: &Cache, patterns: &mut Vec<Pattern>) -> Vec<Changes> {
        let Some(Registered::Around(scope)) = &self.0 else {
            return Vec::new();
        };
        let mut rest = Vec::new();
        for (of, mut further) in scope.take_removed() {
            further.retain(|pattern| !patterns.contains(pattern));
            if of.is(cache) && patterns.len() + further.len() <= AT_ONCE {
                patterns.append(&mut further);
            } else {
                rest.push((of, further));
            }
        }
        rest
    }

    /// It has failed. What surrounds it still sees what it changed, until the end.
    pub(crate) fn failed(&mut self) {
        if let Some(Registered::Around(scope)) = self.0.take() {
            scope.tell_outer(false);
        }
    }

    /// Its removals have been made or collected: from now on they say what it has changed.
    pub(crate) fn removed(&mut self) {
        if let Some(Registered::Begun(scope, number)) = self.0.take()
            && let Some(transaction) = scope.outermost().as_transaction()
        {
            let mut begun = transaction.begun.lock();
            begun.retain(|(begun, _)| *begun != number);
        }
    }
}

impl Drop for Writer {
    /// Its body was dropped or has panicked, and may have committed. Its own removals are made by whoever owes them.
    fn drop(&mut self) {
        if let Some(Registered::Around(scope)) = self.0.take() {
            scope.tell_outer(true);
            for (cache, patterns) in scope.take_removed() {
                cache.remove_without_waiting(&patterns);
            }
        }
    }
}

impl Scope {
    /// Tells the writer around this one what this one may have changed. `removed`: it was removed, too.
    fn tell_outer(&self, removed: bool) {
        let outer = self.outer.as_ref().and_then(|outer| outer.as_writer());
        if let (Some(outer), Some(writer)) = (outer, self.as_writer()) {
            outer.removed.lock().add_all(&writer.removed.lock());
            outer.changed.lock().add_all(&writer.changed.lock());
            let own = if removed {
                &outer.removed
            } else {
                &outer.changed
            };
            let (cache, patterns) = &writer.own;
            own.lock().add(cache, patterns.iter().cloned());
            for noted in [&outer.removed, &outer.changed] {
                noted.lock().limit(MOST_NOTED);
            }
        }
    }

    /// Takes the removals that were made inside of the writer.
    fn take_removed(&self) -> Vec<Changes> {
        let removed = |writer: &WriterScope| std::mem::take(&mut *writer.removed.lock());
        self.as_writer()
            .map_or_else(Vec::new, |writer| removed(writer).into_removals(AT_ONCE))
    }
}

impl Transaction {
    fn begin(&self, changes: Changes) -> u64 {
        let mut begun = self.begun.lock();
        let number = begun.last().map_or(0, |(last, _)| last + 1);
        begun.push((number, changes));
        number
    }
}

/// A body that is polled inside of a scope, in whichever task.
#[derive(Debug)]
pub(crate) struct Within<B> {
    scope: Option<Arc<Scope>>,
    body: B,
}

impl<B: Future + Unpin> Future for Within<B> {
    type Output = B::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<B::Output> {
        let Self { scope, body } = self.get_mut();
        if let Some(scope) = scope {
            return poll_inside(scope, body, context);
        }
        Pin::new(body).poll(context)
    }
}

/// Apart, because bodies nest: a body that is in no scope needs none of this stack.
#[inline(never)]
fn poll_inside<B: Future + Unpin>(
    scope: &Arc<Scope>,
    body: &mut B,
    context: &mut Context<'_>,
) -> Poll<B::Output> {
    SCOPE.sync_scope(scope.clone(), || Pin::new(body).poll(context))
}
