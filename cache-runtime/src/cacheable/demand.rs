//! What generated code asks of a kind, in words for the author of the function.
//!
//! Each demand is a trait of its own, with an associated type that is the kind itself. Where the
//! demand fails, that type is unknown (which is why it is put together like the kind, and not
//! given for all kinds at once), so rustc has nothing more to say about the call that the
//! kind goes to: one mistake, one error, and none about a function that nobody has heard of.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Cacheable, ErrorOf, InOption, InResult, Pointer, Returned, Whole};

/// The result can be stored.
#[diagnostic::on_unimplemented(
    message = "`{R}` cannot be cached",
    label = "this result cannot be stored",
    note = "a cached function returns `T`, `Option<T>`, `Result<T, E>`, `Result<Option<T>, E>`, or these of `Arc<T>`",
    note = "where `T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static`",
    note = "on a type of yours: `#[derive(Clone, serde::Serialize, serde::Deserialize)]`"
)]
pub trait CanBeCached<R> {
    /// The kind itself.
    type Kind: Cacheable<R>;

    /// The kind itself.
    fn demanded(self) -> Self::Kind;
}

#[diagnostic::do_not_recommend]
impl<T> CanBeCached<T> for Whole
where
    Self: Cacheable<T>,
{
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T> CanBeCached<Arc<T>> for Pointer
where
    Self: Cacheable<Arc<T>>,
{
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send, K: CanBeCached<T>> CanBeCached<Option<T>> for InOption<K> {
    type Kind = InOption<K::Kind>;

    fn demanded(self) -> Self::Kind {
        InOption(self.0.demanded())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send, E: Send, K: CanBeCached<T>, S: ErrorOf<E>> CanBeCached<Result<T, E>>
    for InResult<K, S>
{
    type Kind = InResult<K::Kind, S>;

    fn demanded(self) -> Self::Kind {
        InResult(self.0.demanded(), PhantomData)
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
