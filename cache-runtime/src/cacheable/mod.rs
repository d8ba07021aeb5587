//! Which results may be stored, and how each is stored and restored.
//!
//! This depends on the type and never on its spelling, so an alias of `Result` is a `Result`. The answer is a
//! zero-sized value, the *kind*, built from the outside in: [`InResult`] of [`InOption`] of [`Whole`] for a
//! `Result<Option<T>, E>`. `kind!` finds it (see [`dispatch`]) without requiring any trait of serde. [`Cacheable`]
//! requires those once, with error messages that say what to do.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::entry::{TypeOps, type_ops};
use crate::error::TimedOut;

#[cfg(feature = "axum")]
pub(crate) mod body;
#[cfg(feature = "axum")]
pub(crate) mod cached_json;
#[cfg(feature = "axum")]
pub(crate) mod coding;
pub(crate) mod demand;
pub mod dispatch;
pub(crate) mod erased;
#[cfg(feature = "axum")]
pub(crate) mod http;
#[cfg(feature = "axum")]
mod in_cached_json;
#[cfg(feature = "axum")]
pub(crate) mod prepared;
#[cfg(feature = "axum")]
pub(crate) mod response;
#[cfg(feature = "axum")]
pub(crate) mod status;
#[cfg(feature = "axum")]
mod wrapped;

/// A value that outlives its call, with its type erased.
pub(crate) type ErasedValue = Arc<dyn Any + Send + Sync>;

/// How a finished call ended.
#[derive(Debug)]
pub enum Success<'a, I: ?Sized> {
    /// It succeeded with this value.
    Value(&'a I),
    /// It succeeded without a value: `None`.
    Nothing,
    /// It failed.
    Failure,
}

/// [`Success`] without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a value.
    Value,
    /// With `None`.
    Absent,
    /// With an error.
    Failed,
}

impl<I: ?Sized> From<&Success<'_, I>> for Ended {
    fn from(success: &Success<'_, I>) -> Self {
        match success {
            Success::Value(_) => Self::Value,
            Success::Nothing => Self::Absent,
            Success::Failure => Self::Failed,
        }
    }
}

/// The settings of a cache for preparing results.
#[derive(Clone, Copy, Debug)]
pub struct Preparing {
    /// The length from which on texts are compressed.
    #[cfg_attr(
        not(feature = "axum"),
        expect(dead_code, reason = "only texts of answers are")
    )]
    pub(crate) precompress_from: usize,
    /// The length that a stored value may have.
    #[cfg_attr(
        not(feature = "axum"),
        expect(dead_code, reason = "only texts of answers ask")
    )]
    pub(crate) max_value_bytes: usize,
}

impl Preparing {
    pub(crate) fn of(cache: &Cache) -> Self {
        let config = &cache.inner.config;
        Self {
            precompress_from: config.precompress_from,
            max_value_bytes: config.max_value_bytes,
        }
    }
}

/// Distinguishes success from failure of a call. Every return type has a kind that implements it.
pub trait Returned<R>: Copy + Send + Sync + 'static {
    /// The type that `when` and `<result.…>` see: the value inside `Result`, `Option`, `Json`, `Arc`.
    type Inner: ?Sized;

    /// Inspects the result.
    fn success(self, returned: &R) -> Success<'_, Self::Inner>;

    /// The same without the value, which need not be decoded for it.
    fn ended(self, returned: &R) -> Ended {
        Ended::from(&self.success(returned))
    }
}

/// How the result of a call is stored and restored.
pub trait Cacheable<R>: Returned<R> {
    /// Whether the result is an answer to a request, and not a part of one.
    const ANSWERS: bool = false;

    /// Whether [`prepare`](Self::prepare) does anything.
    const PREPARES: bool = false;

    /// Prepares what can be done only once, such as reading the body of a response.
    fn prepare(self, returned: R, how: Preparing) -> impl Future<Output = R> + Send;

    /// The value to store; `None` if this one must not be stored.
    fn keep(self, returned: &R) -> Option<ErasedValue>;

    /// Restores the call's result from a stored value; `None` if the value is of another type.
    fn restore(self, kept: ErasedValue) -> Option<R>;

    /// The result that means "there is nothing", if the type has one.
    fn nothing(self) -> Option<R>;

    /// The error for the waiters of this call, if it can be shared.
    fn keep_error(self, returned: &R) -> Option<ErasedValue>;

    /// Restores a waiter's result from such an error.
    fn restore_error(self, kept: &ErasedValue) -> Option<R>;

    /// How stored values are encoded.
    fn ops(self) -> &'static TypeOps;

    /// Undoes [`prepare`](Self::prepare) before the caller gets the result. Otherwise another function could take the
    /// prepared state for its own, if it changes the result and returns it.
    fn release(self, _: &mut R) {}

    /// Sets the time that a restored result has spent in the cache, if the result reports its own age.
    fn aged(self, _: &mut R, _: Duration) {}

    /// Whether the result says that it is for one client only.
    fn is_private(self, _: &R) -> bool {
        false
    }

    /// The result that means "the body took too long", if the function has one.
    fn timed_out(self) -> Option<R> {
        None
    }
}

/// A `T` that is stored unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Whole;

/// Values that cannot be stored. The name is the reason, and appears in rustc's message.
macro_rules! unkept {
    ($($(#[$doc:meta])* $kind:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $kind;

        impl<T> Returned<T> for $kind {
            type Inner = T;

            fn success(self, returned: &T) -> Success<'_, T> {
                Success::Value(returned)
            }
        }
    )*};
}

unkept! {
    /// A value that is not `Serialize`.
    NotSerialize
    /// A value that is not `DeserializeOwned`.
    NotDeserialize
    /// A value that is not `Clone`.
    NotClone
    /// A value that is not `Send + Sync`.
    NotSendSync
}

/// An `Arc<T>`; a hit clones only the pointer.
#[derive(Clone, Copy, Debug)]
pub struct Pointer;

/// An `Option` of a value of kind `K`.
#[derive(Clone, Copy, Debug)]
pub struct InOption<K>(pub K);

/// A `Result` of a value of kind `K`, with errors that are [`Shared`] or [`Own`].
#[derive(Clone, Copy, Debug)]
pub struct InResult<K, E>(pub K, pub PhantomData<E>);

/// Errors that can be cloned, so that the waiters of a load get the same one.
#[derive(Clone, Copy, Debug)]
pub struct Shared;

/// Errors that belong to one call.
#[derive(Clone, Copy, Debug)]
pub struct Own;

/// A value of kind `K`, of a function with a `timeout`.
#[derive(Clone, Copy, Debug)]
pub struct Limited<K>(pub K);

impl<R, K: Returned<R>> Returned<R> for Limited<K> {
    type Inner = K::Inner;

    fn success(self, returned: &R) -> Success<'_, K::Inner> {
        self.0.success(returned)
    }

    fn ended(self, returned: &R) -> Ended {
        self.0.ended(returned)
    }
}

#[diagnostic::do_not_recommend]
impl<T, E, K> Cacheable<Result<T, E>> for Limited<K>
where
    E: From<TimedOut>,
    K: Cacheable<Result<T, E>>,
{
    const ANSWERS: bool = K::ANSWERS;
    const PREPARES: bool = K::PREPARES;

    fn prepare(
        self,
        returned: Result<T, E>,
        how: Preparing,
    ) -> impl Future<Output = Result<T, E>> + Send {
        self.0.prepare(returned, how)
    }

    fn keep(self, returned: &Result<T, E>) -> Option<ErasedValue> {
        self.0.keep(returned)
    }

    fn restore(self, kept: ErasedValue) -> Option<Result<T, E>> {
        self.0.restore(kept)
    }

    fn nothing(self) -> Option<Result<T, E>> {
        self.0.nothing()
    }

    fn keep_error(self, returned: &Result<T, E>) -> Option<ErasedValue> {
        self.0.keep_error(returned)
    }

    fn restore_error(self, kept: &ErasedValue) -> Option<Result<T, E>> {
        self.0.restore_error(kept)
    }

    fn ops(self) -> &'static TypeOps {
        self.0.ops()
    }

    fn release(self, returned: &mut Result<T, E>) {
        self.0.release(returned);
    }

    fn aged(self, returned: &mut Result<T, E>, age: Duration) {
        self.0.aged(returned, age);
    }

    fn is_private(self, returned: &Result<T, E>) -> bool {
        self.0.is_private(returned)
    }

    fn timed_out(self) -> Option<Result<T, E>> {
        Some(Err(TimedOut::new().into()))
    }
}

impl<T> Returned<T> for Whole {
    type Inner = T;

    fn success(self, returned: &T) -> Success<'_, T> {
        Success::Value(returned)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Cacheable<T> for Whole
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn prepare(self, returned: T, _: Preparing) -> impl Future<Output = T> + Send {
        std::future::ready(returned)
    }

    fn keep(self, returned: &T) -> Option<ErasedValue> {
        Some(Arc::new(returned.clone()))
    }

    fn restore(self, kept: ErasedValue) -> Option<T> {
        // A value without other references, such as a hit that was just decoded, is moved out.
        match kept.downcast() {
            Ok(value) => Some(Arc::unwrap_or_clone(value)),
            Err(_) => None,
        }
    }

    fn nothing(self) -> Option<T> {
        None
    }

    fn keep_error(self, _: &T) -> Option<ErasedValue> {
        None
    }

    fn restore_error(self, _: &ErasedValue) -> Option<T> {
        None
    }

    fn ops(self) -> &'static TypeOps {
        type_ops::<T>()
    }
}

impl<T> Returned<Arc<T>> for Pointer {
    type Inner = T;

    fn success(self, returned: &Arc<T>) -> Success<'_, T> {
        Success::Value(returned)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Cacheable<Arc<T>> for Pointer
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    fn prepare(self, returned: Arc<T>, _: Preparing) -> impl Future<Output = Arc<T>> + Send {
        std::future::ready(returned)
    }

    fn keep(self, returned: &Arc<T>) -> Option<ErasedValue> {
        Some(Arc::<T>::clone(returned))
    }

    fn restore(self, kept: ErasedValue) -> Option<Arc<T>> {
        kept.downcast().ok()
    }

    fn nothing(self) -> Option<Arc<T>> {
        None
    }

    fn keep_error(self, _: &Arc<T>) -> Option<ErasedValue> {
        None
    }

    fn restore_error(self, _: &ErasedValue) -> Option<Arc<T>> {
        None
    }

    fn ops(self) -> &'static TypeOps {
        type_ops::<T>()
    }
}

impl<T, K: Returned<T>> Returned<Option<T>> for InOption<K> {
    type Inner = K::Inner;

    fn success(self, returned: &Option<T>) -> Success<'_, K::Inner> {
        match returned {
            Some(value) => self.0.success(value),
            None => Success::Nothing,
        }
    }

    fn ended(self, returned: &Option<T>) -> Ended {
        match returned {
            Some(value) => self.0.ended(value),
            None => Ended::Absent,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send, K: Cacheable<T>> Cacheable<Option<T>> for InOption<K> {
    const ANSWERS: bool = K::ANSWERS;
    const PREPARES: bool = K::PREPARES;

    async fn prepare(self, returned: Option<T>, how: Preparing) -> Option<T> {
        match returned {
            Some(value) => Some(self.0.prepare(value, how).await),
            None => None,
        }
    }

    fn keep(self, returned: &Option<T>) -> Option<ErasedValue> {
        self.0.keep(returned.as_ref()?)
    }

    fn restore(self, kept: ErasedValue) -> Option<Option<T>> {
        self.0.restore(kept).map(Some)
    }

    fn nothing(self) -> Option<Option<T>> {
        Some(None)
    }

    fn keep_error(self, _: &Option<T>) -> Option<ErasedValue> {
        None
    }

    fn restore_error(self, _: &ErasedValue) -> Option<Option<T>> {
        None
    }

    fn release(self, returned: &mut Option<T>) {
        if let Some(value) = returned {
            self.0.release(value);
        }
    }

    fn aged(self, returned: &mut Option<T>, age: Duration) {
        if let Some(value) = returned {
            self.0.aged(value, age);
        }
    }

    fn is_private(self, returned: &Option<T>) -> bool {
        match returned {
            Some(value) => self.0.is_private(value),
            None => false,
        }
    }

    fn ops(self) -> &'static TypeOps {
        self.0.ops()
    }
}

// This uses `match` and no methods of `Result` or `Option` that take a closure: it is compiled for every result type of a
// program, and each such method would add about three functions for each type.
impl<T, E, K: Returned<T>, S: ErrorOf<E>> Returned<Result<T, E>> for InResult<K, S> {
    type Inner = K::Inner;

    fn success(self, returned: &Result<T, E>) -> Success<'_, K::Inner> {
        match returned {
            Ok(value) => self.0.success(value),
            Err(_) => Success::Failure,
        }
    }

    fn ended(self, returned: &Result<T, E>) -> Ended {
        match returned {
            Ok(value) => self.0.ended(value),
            Err(_) => Ended::Failed,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send, E: Send, K: Cacheable<T>, S: ErrorOf<E>> Cacheable<Result<T, E>> for InResult<K, S> {
    const ANSWERS: bool = K::ANSWERS;
    const PREPARES: bool = K::PREPARES;

    async fn prepare(self, returned: Result<T, E>, how: Preparing) -> Result<T, E> {
        match returned {
            Ok(value) => Ok(self.0.prepare(value, how).await),
            Err(error) => Err(error),
        }
    }

    fn keep(self, returned: &Result<T, E>) -> Option<ErasedValue> {
        match returned {
            Ok(value) => self.0.keep(value),
            Err(_) => None,
        }
    }

    fn restore(self, kept: ErasedValue) -> Option<Result<T, E>> {
        self.0.restore(kept).map(Ok)
    }

    fn nothing(self) -> Option<Result<T, E>> {
        self.0.nothing().map(Ok)
    }

    fn keep_error(self, returned: &Result<T, E>) -> Option<ErasedValue> {
        match returned {
            Ok(_) => None,
            Err(error) => S::keep(error),
        }
    }

    fn restore_error(self, kept: &ErasedValue) -> Option<Result<T, E>> {
        S::restore(kept).map(Err)
    }

    fn release(self, returned: &mut Result<T, E>) {
        if let Ok(value) = returned {
            self.0.release(value);
        }
    }

    fn aged(self, returned: &mut Result<T, E>, age: Duration) {
        if let Ok(value) = returned {
            self.0.aged(value, age);
        }
    }

    fn is_private(self, returned: &Result<T, E>) -> bool {
        match returned {
            Ok(value) => self.0.is_private(value),
            Err(_) => false,
        }
    }

    fn ops(self) -> &'static TypeOps {
        self.0.ops()
    }
}

/// Whether an error is shared with the waiters of a load.
pub trait ErrorOf<E>: Copy + Send + Sync + 'static {
    /// A copy for the waiters.
    fn keep(error: &E) -> Option<ErasedValue>;

    /// The error for one waiter.
    fn restore(kept: &ErasedValue) -> Option<E>;
}

#[diagnostic::do_not_recommend]
impl<E: Clone + Send + Sync + 'static> ErrorOf<E> for Shared {
    fn keep(error: &E) -> Option<ErasedValue> {
        Some(Arc::new(error.clone()))
    }

    fn restore(kept: &ErasedValue) -> Option<E> {
        kept.downcast_ref().cloned()
    }
}

impl<E> ErrorOf<E> for Own {
    fn keep(_: &E) -> Option<ErasedValue> {
        None
    }

    fn restore(_: &ErasedValue) -> Option<E> {
        None
    }
}
