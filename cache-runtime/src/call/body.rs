//! The body of a call without its types: a future, and the function's own expressions about its result.
//!
//! Everything that follows in this module is generic only over the future `B`. Unless a function says `?Send`, `B` is
//! the boxed [`Body`], for which this crate contains one instance.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cacheable::Success;
use crate::cacheable::erased::{AnyResult, Erase};
use crate::call::call::ResultPatterns;

/// A body that any thread may poll.
pub(super) type Body<'a> = Pin<Box<dyn Future<Output = AnyResult> + Send + 'a>>;

/// Creates the body when it is about to run.
pub(super) type MakeBody<'m, 'a> = Box<dyn FnOnce() -> Work<'a, Body<'a>> + Send + 'm>;

/// A body that is about to run, and the function's expressions about its result.
pub(super) struct Work<'a, B> {
    /// Not polled yet.
    pub(super) body: B,
    pub(super) rules: Box<dyn ResultRules + Send + 'a>,
}

/// The function's own expressions about a result. Each is evaluated once.
pub(super) trait ResultRules {
    /// Whether the value is to be stored (`when`).
    fn wants_stored(&mut self, returned: &AnyResult) -> bool;

    /// Adds the patterns and tags that depend on the value (`<result.…>`).
    fn add_result_patterns(
        &mut self,
        returned: &AnyResult,
        result_patterns: &mut ResultPatterns<'_>,
    );
}

struct TypedResultRules<'a, R, K: Erase<R>> {
    kind: K,
    when: Option<When<'a, K::Inner>>,
    result_patterns: Option<AddResultPatterns<'a, K::Inner>>,
    result: PhantomData<fn() -> R>,
}

type When<'a, I> = Box<dyn FnOnce(&I) -> bool + Send + 'a>;
pub(super) type AddResultPatterns<'a, I> = Box<dyn FnOnce(&I, &mut ResultPatterns<'_>) + Send + 'a>;

impl<R: 'static, K: Erase<R>> TypedResultRules<'_, R, K> {
    fn value(kind: K, returned: &AnyResult) -> Option<&K::Inner> {
        match kind.success(K::typed_ref(returned)) {
            Success::Value(value) => Some(value),
            Success::Nothing | Success::Failure => None,
        }
    }
}

impl<R: 'static, K: Erase<R>> ResultRules for TypedResultRules<'_, R, K> {
    fn wants_stored(&mut self, returned: &AnyResult) -> bool {
        match (self.when.take(), Self::value(self.kind, returned)) {
            (Some(when), Some(value)) => when(value),
            _ => false,
        }
    }

    fn add_result_patterns(
        &mut self,
        returned: &AnyResult,
        result_patterns: &mut ResultPatterns<'_>,
    ) {
        if let (Some(add), Some(value)) = (
            self.result_patterns.take(),
            Self::value(self.kind, returned),
        ) {
            add(value, result_patterns);
        }
    }
}

impl<'a, B> Work<'a, B> {
    pub(super) fn new<R, K>(
        kind: K,
        when: impl FnOnce(&K::Inner) -> bool + Send + 'a,
        result_patterns: impl FnOnce(&K::Inner, &mut ResultPatterns<'_>) + Send + 'a,
        body: B,
    ) -> Self
    where
        R: 'static,
        K: Erase<R>,
    {
        Self {
            body,
            rules: rules(kind, Box::new(when), Box::new(result_patterns)),
        }
    }
}

fn rules<'a, R: 'static, K: Erase<R>>(
    kind: K,
    when: When<'a, K::Inner>,
    result_patterns: AddResultPatterns<'a, K::Inner>,
) -> Box<dyn ResultRules + Send + 'a> {
    Box::new(TypedResultRules {
        kind,
        when: Some(when),
        result_patterns: Some(result_patterns),
        result: PhantomData,
    })
}

/// A boxed body that erases the type of its result.
pub(super) struct Untyped<R, K, P>(P, PhantomData<fn() -> (R, K)>);

impl<R, K, P> Future for Untyped<R, K, P>
where
    K: Erase<R>,
    P: Future<Output = R> + Unpin,
{
    type Output = AnyResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AnyResult> {
        Pin::new(&mut self.0).poll(context).map(K::any)
    }
}

/// A body that any thread may poll, with its type.
pub(super) type TypedBody<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

/// The body without its type.
pub(super) fn untyped<'a, R: 'static, K: Erase<R>>(body: TypedBody<'a, R>) -> Body<'a> {
    Box::pin(Untyped::<R, K, _>(body, PhantomData))
}

/// A body that is not a future yet, in an `Option` of the caller's frame: the code that asks for it does not know its type.
pub(super) trait TakeBody<'a, R> {
    /// Creates and boxes the future. It can be asked for once.
    fn take_body(&mut self) -> TypedBody<'a, R>;
}

impl<'a, R, F, Fut> TakeBody<'a, R> for Option<F>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = R> + Send + 'a,
{
    fn take_body(&mut self) -> TypedBody<'a, R> {
        let body = self.take().expect("a body is taken once");
        Box::pin(body())
    }
}

/// The body without its type, `Send` or not.
pub(super) fn untyped_local<R: 'static, K: Erase<R>, Fut: Future<Output = R>>(
    body: Pin<Box<Fut>>,
) -> Untyped<R, K, Pin<Box<Fut>>> {
    Untyped(body, PhantomData)
}
