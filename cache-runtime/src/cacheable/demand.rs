//! What generated code asks of a kind, in words for the author of the function.
//!
//! Each demand is a trait of its own, with an associated type that is the kind itself. Where the
//! demand fails, that type is unknown (which is why it is put together like the kind, and not
//! given for all kinds at once), so rustc has nothing more to say about the call that the
//! kind goes to: one mistake, one error, and none about a function that nobody has heard of.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::cacheable::{
    Cacheable, ErrorOf, InOption, InResult, Limited, NotClone, NotDeserialize, NotSendSync,
    NotSerialize, Pointer, Returned, Whole,
};
use crate::error::TimedOut;

/// A kind taken apart, to name in an error the one type that is at fault.
pub struct Peeled<K, T, L> {
    kind: K,
    innermost: PhantomData<(fn() -> T, L)>,
}

impl<K, T, L> Peeled<K, T, L> {
    pub(super) fn kind(self) -> K {
        self.kind
    }
}

/// Knows the innermost value of a result, and how that is kept.
#[diagnostic::on_unimplemented(
    message = "`{R}` cannot be cached",
    label = "this result cannot be stored: its error must be `Send`"
)]
pub trait Peel<R>: Sized {
    /// The type of the innermost value.
    type Value;

    /// Its kind.
    type Leaf;

    /// The kind, with both.
    fn peel(self) -> Peeled<Self, Self::Value, Self::Leaf> {
        Peeled {
            kind: self,
            innermost: PhantomData,
        }
    }
}

macro_rules! innermost {
    ($($kind:ty)*) => {$(
        impl<R> Peel<R> for $kind {
            type Value = R;
            type Leaf = Self;
        }
    )*};
}

innermost! { Whole Pointer NotSerialize NotDeserialize NotClone NotSendSync }

#[diagnostic::do_not_recommend]
impl<T, K: Peel<T>> Peel<Option<T>> for InOption<K> {
    type Value = K::Value;
    type Leaf = K::Leaf;
}

#[diagnostic::do_not_recommend]
impl<T, E: Send, K: Peel<T>, S> Peel<Result<T, E>> for InResult<K, S> {
    type Value = K::Value;
    type Leaf = K::Leaf;
}

/// The result can be stored, because its innermost value, a `T`, can.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be cached",
    label = "this result cannot be stored",
    note = "a value that is cached is `Serialize + DeserializeOwned + Clone + Send + Sync + 'static`, or in an `Arc` without `Clone`",
    note = "on a type of yours: `#[derive(Clone, serde::Serialize, serde::Deserialize)]`"
)]
pub trait CanBeCached<T, L> {
    /// The kind itself.
    type Kind;

    /// The kind itself.
    fn demanded(peeled: Peeled<Self, T, L>) -> Self::Kind
    where
        Self: Sized;
}

#[diagnostic::do_not_recommend]
impl<T, K> CanBeCached<T, Whole> for K
where
    Whole: Cacheable<T>,
{
    type Kind = Self;

    fn demanded(peeled: Peeled<Self, T, Whole>) -> Self {
        peeled.kind()
    }
}

#[diagnostic::do_not_recommend]
impl<T, K> CanBeCached<Arc<T>, Pointer> for K
where
    Pointer: Cacheable<Arc<T>>,
{
    type Kind = Self;

    fn demanded(peeled: Peeled<Self, Arc<T>, Pointer>) -> Self {
        peeled.kind()
    }
}

/// The result can be `None`, which is what `none_ttl` is about.
#[diagnostic::on_unimplemented(
    message = "`none_ttl` is for results that can be `None`, and `{R}` cannot",
    label = "this result is never `None`",
    note = "a function that may find nothing returns `Option<T>` or `Result<Option<T>, E>`"
)]
pub trait CanBeNone<R> {
    /// The kind itself.
    type Kind;

    /// The kind itself.
    fn demanded(self) -> Self::Kind;
}

#[diagnostic::do_not_recommend]
impl<T, K: Returned<T>> CanBeNone<Option<T>> for InOption<K> {
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T, E, K: CanBeNone<T>, S: ErrorOf<E>> CanBeNone<Result<T, E>> for InResult<K, S> {
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

/// What of a result says that the body took too long: its error, or nothing.
pub trait Failing<R>: Sized {
    /// The error, or the whole result where that cannot fail.
    type Error;

    /// The kind, with it.
    fn failing(self) -> Peeled<Self, Self::Error, ()> {
        Peeled {
            kind: self,
            innermost: PhantomData,
        }
    }
}

macro_rules! cannot_fail {
    ($($kind:ty)*) => {$(
        impl<R> Failing<R> for $kind {
            type Error = R;
        }
    )*};
}

cannot_fail! { Whole Pointer NotSerialize NotDeserialize NotClone NotSendSync }

impl<R, K> Failing<R> for InOption<K> {
    type Error = R;
}

impl<T, E, K, S> Failing<Result<T, E>> for InResult<K, S> {
    type Error = E;
}

/// The result can say that the body took too long, which is what `timeout` is about, by its error `E`.
#[diagnostic::on_unimplemented(
    message = "`timeout` gives up on the body, and `{E}` cannot say so",
    label = "`{E}` is no error that is `From<cache_runtime::TimedOut>`",
    note = "return `Result<T, E>` with `impl From<cache_runtime::TimedOut> for E`",
    note = "or let an older value stand in: `stale_on_error = \"1h\"`"
)]
pub trait CanTimeOut<E>: Sized {
    /// The kind with its limit.
    type Kind;

    /// The kind with its limit.
    fn demanded(failing: Peeled<Self, E, ()>) -> Self::Kind;
}

#[diagnostic::do_not_recommend]
impl<E: From<TimedOut>, K, S> CanTimeOut<E> for InResult<K, S> {
    type Kind = Limited<Self>;

    fn demanded(failing: Peeled<Self, E, ()>) -> Self::Kind {
        Limited(failing.kind())
    }
}

/// The answer has a status, which is what `statuses` is about.
#[diagnostic::on_unimplemented(
    message = "`statuses` is for answers that have a status, and `{R}` has none",
    label = "this result has no status",
    note = "return `(StatusCode, Json<T>)`, a `Response`, or a `Result` of one of them",
    note = "an `Err` is never kept: for what was not found, return `Option<T>` and say `none_ttl`"
)]
pub trait CanKeepStatuses<R> {
    /// The kind that keeps them.
    type Kind;

    /// The kind that keeps them.
    fn demanded(self, statuses: &'static [u16]) -> Self::Kind;
}

#[diagnostic::do_not_recommend]
impl<T, E, K: CanKeepStatuses<T>, S: ErrorOf<E>> CanKeepStatuses<Result<T, E>> for InResult<K, S> {
    type Kind = InResult<K::Kind, S>;

    fn demanded(self, statuses: &'static [u16]) -> Self::Kind {
        InResult(self.0.demanded(statuses), PhantomData)
    }
}

#[diagnostic::do_not_recommend]
impl<R, K: CanKeepStatuses<R>> CanKeepStatuses<R> for Limited<K> {
    type Kind = Limited<K::Kind>;

    fn demanded(self, statuses: &'static [u16]) -> Self::Kind {
        Limited(self.0.demanded(statuses))
    }
}

/// A borrowed argument of a body that outlives its call. It stands where the argument's type would: a reference to it can
/// do nothing, so rustc does not advise to borrow once more what was borrowed already.
#[derive(Clone, Copy, Debug)]
pub struct Lent;

/// What background work borrows must be cloned for it. One trait for each option that asks for it, so that the error
/// names the option.
macro_rules! unsized_arguments {
    ($trait:ident: $($borrowed:ty => $owned:ty,)*) => {$(
        #[diagnostic::do_not_recommend]
        impl $trait<$borrowed> for Lent {
            type Owned = $owned;

            fn owned(self, argument: &$borrowed) -> $owned {
                argument.into()
            }
        }
    )*};
}

macro_rules! owned_for {
    ($($trait:ident $message:literal)*) => {$(
        /// Arguments that can be cloned for work that outlives its call.
        #[diagnostic::on_unimplemented(
            message = $message,
            label = "this borrowed argument cannot be cloned",
            note = "derive `Clone`, take the argument by value, or share it: `self: Arc<Self>`"
        )]
        pub trait $trait<T: ?Sized> {
            /// What owns it.
            type Owned: Send + Sync + 'static;

            /// A copy that owns.
            fn owned(self, argument: &T) -> Self::Owned;
        }

        #[diagnostic::do_not_recommend]
        impl<T: Clone + Send + Sync + 'static> $trait<T> for Lent {
            type Owned = T;

            fn owned(self, argument: &T) -> T {
                argument.clone()
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: Clone + Send + Sync + 'static> $trait<[T]> for Lent {
            type Owned = Vec<T>;

            fn owned(self, argument: &[T]) -> Vec<T> {
                argument.to_vec()
            }
        }

        unsized_arguments! { $trait:
            str => String,
            std::path::Path => std::path::PathBuf,
            std::ffi::OsStr => std::ffi::OsString,
        }
    )*};
}

owned_for! {
    CloneForStale
        "`stale` refreshes behind the caller's back, so `{T}` must be `Clone + Send + Sync + 'static`"
    CloneForEarly
        "`early` refreshes behind the caller's back, so `{T}` must be `Clone + Send + Sync + 'static`"
    CloneForSoftTimeout
        "`soft_timeout` lets the load outlive its call, so `{T}` must be `Clone + Send + Sync + 'static`"
}
