//! A call's body without its types: a future, and what its author wants to be asked about the result.
//!
//! All that follows in this module is generic over the future `B` alone. Where that is the boxed [`Body`], which it is unless
//! a function says `?Send`, there is one instance, and this crate holds it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::boxed;
use crate::cacheable::erased::{AnyResult, typed_ref};
use crate::cacheable::{Cacheable, Success};
use crate::site::Late;

/// A body that any thread may poll.
pub(super) type Body<'a> = Pin<Box<dyn Future<Output = AnyResult> + Send + 'a>>;

/// Makes a body when it is going to run.
pub(super) type MakeBody<'m, 'a> = Box<dyn FnOnce() -> Work<'a, Body<'a>> + Send + 'm>;

/// A body that is going to run, and its author's questions.
pub(super) struct Work<'a, B> {
    /// Not polled yet.
    pub(super) body: B,
    pub(super) questions: Box<dyn Questions + Send + 'a>,
}

/// What the function's own expressions make of a result: each is asked once.
pub(super) trait Questions {
    /// Is the value to be stored (`when`)?
    fn wants_stored(&mut self, returned: &AnyResult) -> bool;

    /// Adds what depends on the value to the patterns and tags (`<result.…>`).
    fn add_late(&mut self, returned: &AnyResult, late: &mut Late<'_>);
}

struct TypedQuestions<'a, R, K: Cacheable<R>> {
    kind: K,
    when: Option<When<'a, K::Inner>>,
    late: Option<AddLate<'a, K::Inner>>,
    result: std::marker::PhantomData<fn() -> R>,
}

type When<'a, I> = Box<dyn FnOnce(&I) -> bool + Send + 'a>;
pub(super) type AddLate<'a, I> = Box<dyn FnOnce(&I, &mut Late<'_>) + Send + 'a>;

impl<R: 'static, K: Cacheable<R>> TypedQuestions<'_, R, K> {
    fn value(kind: K, returned: &AnyResult) -> Option<&K::Inner> {
        match kind.success(typed_ref::<R>(returned)) {
            Success::Value(value) => Some(value),
            Success::Nothing | Success::Failure => None,
        }
    }
}

impl<R: 'static, K: Cacheable<R>> Questions for TypedQuestions<'_, R, K> {
    fn wants_stored(&mut self, returned: &AnyResult) -> bool {
        match (self.when.take(), Self::value(self.kind, returned)) {
            (Some(when), Some(value)) => when(value),
            _ => false,
        }
    }

    fn add_late(&mut self, returned: &AnyResult, late: &mut Late<'_>) {
        if let (Some(add), Some(value)) = (self.late.take(), Self::value(self.kind, returned)) {
            add(value, late);
        }
    }
}

impl<'a, B> Work<'a, B> {
    pub(super) fn new<R, K>(
        kind: K,
        when: impl FnOnce(&K::Inner) -> bool + Send + 'a,
        late: impl FnOnce(&K::Inner, &mut Late<'_>) + Send + 'a,
        body: B,
    ) -> Self
    where
        R: 'static,
        K: Cacheable<R>,
    {
        Self {
            body,
            questions: questions(kind, Box::new(when), Box::new(late)),
        }
    }
}

fn questions<'a, R: 'static, K: Cacheable<R>>(
    kind: K,
    when: When<'a, K::Inner>,
    late: AddLate<'a, K::Inner>,
) -> Box<dyn Questions + Send + 'a> {
    Box::new(TypedQuestions {
        kind,
        when: Some(when),
        late: Some(late),
        result: std::marker::PhantomData,
    })
}

/// A boxed body, whose result loses its type.
pub(super) struct Untyped<P>(P);

impl<R, P> Future for Untyped<P>
where
    R: Send + 'static,
    P: Future<Output = R> + Unpin,
{
    type Output = AnyResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AnyResult> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|returned| Box::new(returned) as AnyResult)
    }
}

/// The body that a closure makes, and that any thread may poll.
pub(super) fn body<'a, R, Fut>(make: impl FnOnce() -> Fut) -> Body<'a>
where
    R: Send + 'static,
    Fut: Future<Output = R> + Send + 'a,
{
    untyped(boxed(make))
}

fn untyped<'a, R: Send + 'static>(body: Pin<Box<dyn Future<Output = R> + Send + 'a>>) -> Body<'a> {
    Box::pin(Untyped(body))
}

/// The body that a closure makes, `Send` or not.
pub(super) fn body_as_it_is<R, Fut>(make: impl FnOnce() -> Fut) -> Untyped<Pin<Box<Fut>>>
where
    R: Send + 'static,
    Fut: Future<Output = R>,
{
    Untyped(boxed(make))
}
