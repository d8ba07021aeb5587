//! The requirements of generated code on a kind, with error messages for the author of the function.
//!
//! Each requirement is a separate trait, with an associated type that is the kind itself. If the requirement is not
//! met, that type is unknown, so rustc reports nothing about the call that gets the kind: one mistake gives one error,
//! and none about an internal function. For this, the type is assembled like the kind, and not defined for all kinds
//! at once.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::cacheable::{
    Cacheable, ErrorOf, InOption, InResult, Limited, NotClone, NotDeserialize, NotSendSync,
    NotSerialize, Pointer, Returned, Whole,
};
use crate::error::TimedOut;

/// A kind taken apart, so that an error can name the one type that causes it.
pub struct WithInnermost<K, T, L> {
    kind: K,
    innermost: PhantomData<(fn() -> T, L)>,
}

impl<K, T, L> WithInnermost<K, T, L> {
    pub(super) fn kind(self) -> K {
        self.kind
    }
}

/// Finds the innermost value of a result, and how it is stored.
#[diagnostic::on_unimplemented(
    message = "`{R}` cannot be cached",
    label = "this result cannot be stored: its error must be `Send`"
)]
pub trait Innermost<R>: Sized {
    /// The type of the innermost value.
    type Value;

    /// Its kind.
    type Leaf;

    /// Returns the kind with both types.
    fn innermost(self) -> WithInnermost<Self, Self::Value, Self::Leaf> {
        WithInnermost {
            kind: self,
            innermost: PhantomData,
        }
    }
}

/// The same for a result type that cannot be written (`impl Trait`): the body tells which type it is.
pub fn innermost_of_result<F, Fut, K>(_: &F, kind: K) -> WithInnermost<K, K::Value, K::Leaf>
where
    F: FnOnce() -> Fut,
    Fut: Future,
    K: Innermost<Fut::Output>,
{
    kind.innermost()
}

macro_rules! innermost {
    ($($kind:ty)*) => {$(
        impl<R> Innermost<R> for $kind {
            type Value = R;
            type Leaf = Self;
        }
    )*};
}

innermost! { Whole Pointer NotSerialize NotDeserialize NotClone NotSendSync }

/// A kind whose results are never `None`, so that an `Option` around them may be.
#[diagnostic::on_unimplemented(
    message = "an `Option` inside of an `Option` cannot be cached",
    label = "a hit could not tell `Some(None)` from `None`",
    note = "return one `Option`, or an enum of your own"
)]
pub trait NeverNone {}

macro_rules! never_none {
    ($($kind:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl NeverNone for $kind {}
    )*};
}

never_none! { Whole Pointer NotSerialize NotDeserialize NotClone NotSendSync }

impl<T, K: Innermost<T> + NeverNone> Innermost<Option<T>> for InOption<K> {
    type Value = K::Value;
    type Leaf = K::Leaf;
}

impl<T, E: SendError, K: Innermost<T>, S> Innermost<Result<T, E>> for InResult<K, S> {
    type Value = K::Value;
    type Leaf = K::Leaf;
}

/// An error that another task than that of the body can get.
#[diagnostic::on_unimplemented(
    message = "the error `{Self}` is not `Send`, so a function that returns it cannot be cached",
    label = "the error of this result must be `Send`",
    note = "for `Box<dyn Error>`, write `Box<dyn Error + Send + Sync>`"
)]
pub trait SendError {}

#[diagnostic::do_not_recommend]
impl<E: Send> SendError for E {}

/// The result can be stored, because its innermost value, a `T`, can be.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be cached",
    label = "this result cannot be stored",
    note = "a value that is cached is `Serialize + DeserializeOwned + Clone + Send + Sync + 'static`, or in an `Arc` without `Clone`",
    note = "of a handler whose answer has headers or another form: return `axum::response::Response`, made by `.into_response()`"
)]
pub trait CanBeCached<T, L> {
    /// The kind itself.
    type Kind;

    /// The kind itself.
    fn demanded(with_innermost: WithInnermost<Self, T, L>) -> Self::Kind
    where
        Self: Sized;
}

/// What the innermost value lacks, each as a trait of its own, so that the error names what is missing.
macro_rules! lacks {
    ($($leaf:ident $trait:ident $message:literal)*) => {$(
        /// What a value needs to be cached. It has no implementation, because it is only asked of values that lack it.
        #[diagnostic::on_unimplemented(
            message = $message,
            label = "this result cannot be stored",
            note = "a value that is cached is `Serialize + DeserializeOwned + Clone + Send + Sync + 'static`, or in an `Arc` without `Clone`",
            note = "on a type of yours: `#[derive(Clone, serde::Serialize, serde::Deserialize)]`",
            note = "of a handler whose answer has headers or another form: return `axum::response::Response`, made by `.into_response()`"
        )]
        pub trait $trait {
            /// The kind, which is therefore unknown.
            type Kind<K>;

            /// The same kind.
            fn known<K>(kind: K) -> Self::Kind<K>;
        }

        impl<T: $trait, K> CanBeCached<T, $leaf> for K {
            type Kind = T::Kind<K>;

            fn demanded(with_innermost: WithInnermost<K, T, $leaf>) -> T::Kind<K> {
                T::known(with_innermost.kind())
            }
        }
    )*};
}

lacks! {
    NotSerialize IsSerialize
        "`{Self}` cannot be cached, because it is not `serde::Serialize`"
    NotDeserialize IsDeserialize
        "`{Self}` cannot be cached, because it is not `serde::Deserialize`"
    NotClone IsClone
        "`{Self}` cannot be cached, because it is not `Clone`"
    NotSendSync IsSendSync
        "`{Self}` cannot be cached, because it is not `Send + Sync`"
}

#[diagnostic::do_not_recommend]
impl<T, K> CanBeCached<T, Whole> for K
where
    Whole: Cacheable<T>,
{
    type Kind = Self;

    fn demanded(with_innermost: WithInnermost<Self, T, Whole>) -> Self {
        with_innermost.kind()
    }
}

#[diagnostic::do_not_recommend]
impl<T, K> CanBeCached<Arc<T>, Pointer> for K
where
    Pointer: Cacheable<Arc<T>>,
{
    type Kind = Self;

    fn demanded(with_innermost: WithInnermost<Self, Arc<T>, Pointer>) -> Self {
        with_innermost.kind()
    }
}

/// The result can be `None`, as `none_ttl` requires.
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

/// The part of a result that can say that the body took too long: its error, if it has one.
pub trait Failing<R>: Sized {
    /// The error, or the whole result if it cannot fail.
    type Error;

    /// Returns the kind with the error type.
    fn failing(self) -> WithInnermost<Self, Self::Error, ()> {
        WithInnermost {
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

/// The error `E` of the result can say that the body took too long, as `timeout` requires.
#[diagnostic::on_unimplemented(
    message = "`timeout` needs an error type that is `From<TimedOut>`, and `{E}` is not",
    label = "this type cannot report that the body took too long",
    note = "return `Result<T, E>` with an error type `E` of your own, and write `impl From<cache_runtime::TimedOut> for E`",
    note = "or serve an older value instead of an error: `stale_on_error = \"1h\"`"
)]
pub trait CanTimeOut<E>: Sized {
    /// The kind with its limit.
    type Kind;

    /// The kind with its limit.
    fn demanded(failing: WithInnermost<Self, E, ()>) -> Self::Kind;
}

#[diagnostic::do_not_recommend]
impl<E: From<TimedOut>, K, S> CanTimeOut<E> for InResult<K, S> {
    type Kind = Limited<Self>;

    fn demanded(failing: WithInnermost<Self, E, ()>) -> Self::Kind {
        Limited(failing.kind())
    }
}

/// The result is not an answer to a request, as a function that is not `async` requires.
#[diagnostic::on_unimplemented(
    message = "a function that is not `async` cannot cache an answer to an HTTP request, as `{R}` is",
    label = "this is an answer to a request",
    note = "write `async fn`, or cache the value and make the answer of it"
)]
pub trait CanBlock<R>: Sized {
    /// The kind itself.
    type Kind;

    /// The kind itself.
    fn demanded(self) -> Self::Kind;
}

macro_rules! can_block {
    ($($kind:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<R> CanBlock<R> for $kind {
            type Kind = Self;

            fn demanded(self) -> Self {
                self
            }
        }
    )*};
}

can_block! { Whole Pointer NotSerialize NotDeserialize NotClone NotSendSync }

#[diagnostic::do_not_recommend]
impl<T, K: CanBlock<T>> CanBlock<Option<T>> for InOption<K> {
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T, E, K: CanBlock<T>, S: ErrorOf<E>> CanBlock<Result<T, E>> for InResult<K, S> {
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

/// The answer has a status, as `statuses` requires.
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

/// A borrowed argument of a body that outlives its call. It replaces the argument's type: rustc then does not suggest
/// to borrow the argument once more.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedArgument;

/// The arguments that background work borrows must be cloned for it. There is one trait for each option that needs
/// this, so that the error names the option.
macro_rules! unsized_arguments {
    ($trait:ident: $($borrowed:ty => $owned:ty,)*) => {$(
        #[diagnostic::do_not_recommend]
        impl $trait<$borrowed> for BorrowedArgument {
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
            /// The owned form.
            type Owned: Send + Sync + 'static;

            /// Makes an owned copy.
            fn owned(self, argument: &T) -> Self::Owned;
        }

        #[diagnostic::do_not_recommend]
        impl<T: Clone + Send + Sync + 'static> $trait<T> for BorrowedArgument {
            type Owned = T;

            fn owned(self, argument: &T) -> T {
                argument.clone()
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: Clone + Send + Sync + 'static> $trait<[T]> for BorrowedArgument {
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
    CloneForVerify
        "`verify` runs the body in the background, so `{T}` must be `Clone + Send + Sync + 'static`"
}
