//! Finds the kind of a return type by *autoref dispatch*.
//!
//! Rust selects a method by removing references from the receiver one by one, and takes the first that fits. So a
//! trait implemented for `&&Probe<Result<T, E>>` where `E: Clone` comes before one for `&Probe<Result<T, E>>`, and
//! that before one for `Probe<T>`. This selects among implementations that would otherwise overlap, at compile time,
//! without specialization and without bounds on `T`. In a generic function a parameter `T` is a plain value, since
//! nothing else is known of it; `Result<T, E>` is still a `Result`.
//!
//! A return type is taken apart in stages, each of which splits it into a wrapper and its content:
//!
//! ```text
//! Result<Option<Json<Arc<Job>>>, E>
//!   outcome   InResult<_, Shared>   inside: Option<Json<Arc<Job>>>
//!   presence  InOption<_>           inside: Json<Arc<Job>>
//!   wrapper   InJson<_>             inside: Arc<Job>
//!   presence  Bare                  inside: Arc<Job>
//!   shape     Pointer
//! ```
//!
//! and the kind is assembled in reverse: `InResult(InOption(InJson(Pointer)))`. The compiler does all of this; at run
//! time kinds have no size.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cacheable::{
    InOption, InResult, Limited, NotClone, NotDeserialize, NotSendSync, NotSerialize, Own, Pointer,
    Shared, Whole,
};
use crate::error::TimedOut;

/// A type whose kind is being determined.
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    /// The probe of a type that can be written.
    #[allow(clippy::new_without_default)] // only `kind!` makes probes
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The probe of the type that a body returns, if it is an `impl Trait` that cannot be written.
    pub const fn of<F: FnOnce() -> Fut, Fut: Future<Output = T>>(_: &F) -> Self {
        Self::new()
    }
}

/// A wrapper, and the probe of what is inside.
pub struct Split<W, T>(PhantomData<W>, PhantomData<fn() -> T>);

impl<W, T> Split<W, T> {
    const fn new() -> Self {
        Self(PhantomData, PhantomData)
    }

    /// What is inside.
    pub const fn inside(&self) -> Probe<T> {
        Probe::new()
    }
}

/// No wrapper.
pub struct Bare;

/// `Result`, with errors handled as `S`.
pub struct Outcome<S>(PhantomData<S>);

/// `Option`.
pub struct Presence;

/// Adds a wrapper around the kind of its content.
pub trait Wrap<K> {
    /// The kind with the wrapper.
    type Wrapped;

    /// Adds the wrapper.
    fn wrap(&self, kind: K) -> Self::Wrapped;
}

impl<T, K> Wrap<K> for Split<Bare, T> {
    type Wrapped = K;

    fn wrap(&self, kind: K) -> K {
        kind
    }
}

impl<T, K, S> Wrap<K> for Split<Outcome<S>, T> {
    type Wrapped = InResult<K, S>;

    fn wrap(&self, kind: K) -> InResult<K, S> {
        InResult(kind, PhantomData)
    }
}

impl<T, K> Wrap<K> for Split<Presence, T> {
    type Wrapped = InOption<K>;

    fn wrap(&self, kind: K) -> InOption<K> {
        InOption(kind)
    }
}

/// Stage `outcome`: a `Result` whose error can be cloned…
pub trait SharedOutcome<T> {
    /// Splits it.
    fn outcome(&self) -> Split<Outcome<Shared>, T> {
        Split::new()
    }
}

impl<T, E: Clone + Send + Sync + 'static> SharedOutcome<T> for &&Probe<Result<T, E>> {}

/// … any other `Result`…
pub trait OwnOutcome<T> {
    /// Splits it.
    fn outcome(&self) -> Split<Outcome<Own>, T> {
        Split::new()
    }
}

impl<T, E> OwnOutcome<T> for &Probe<Result<T, E>> {}

/// … or no `Result`.
pub trait NoOutcome<T> {
    /// Leaves it as it is.
    fn outcome(&self) -> Split<Bare, T> {
        Split::new()
    }
}

impl<T> NoOutcome<T> for Probe<T> {}

/// Stage `presence`: an `Option`…
pub trait SomePresence<T> {
    /// Splits it.
    fn presence(&self) -> Split<Presence, T> {
        Split::new()
    }
}

impl<T> SomePresence<T> for &Probe<Option<T>> {}

/// … or not.
pub trait NoPresence<T> {
    /// Leaves it as it is.
    fn presence(&self) -> Split<Bare, T> {
        Split::new()
    }
}

impl<T> NoPresence<T> for Probe<T> {}

/// Stage `wrapper`: a wrapper of a web framework. See the module `http`.
pub trait FrameworkWrapped<T> {
    /// Which wrapper.
    type Wrapper;

    /// Splits it.
    fn wrapper(&self) -> Split<Self::Wrapper, T> {
        Split::new()
    }
}

/// … or nothing.
pub trait NotWrapped<T> {
    /// Leaves it as it is.
    fn wrapper(&self) -> Split<Bare, T> {
        Split::new()
    }
}

impl<T> NotWrapped<T> for Probe<T> {}

/// Stage `shape`: a value that is stored in a special way…
pub trait SpecialShape {
    /// Its kind.
    type Kind: Default;

    /// The kind.
    fn shape(&self) -> Self::Kind {
        Self::Kind::default()
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync> SpecialShape for &&&&&Probe<Arc<T>> {
    type Kind = Pointer;
}

/// … or unchanged, if it implements all required traits; otherwise the kind names the first missing one, so that one
/// mistake gives one error.
macro_rules! shapes {
    ($($name:ident $kind:ident for $probe:ty, $($bound:path),*;)*) => {$(
        #[doc = concat!("Values of the kind `", stringify!($kind), "`.")]
        pub trait $name {
            /// The kind.
            fn shape(&self) -> $kind {
                $kind
            }
        }

        impl<T: Sized $(+ $bound)*> $name for $probe {}
    )*};
}

shapes! {
    WholeShape Whole for &&&&Probe<T>, Serialize, DeserializeOwned, Clone, Send, Sync;
    NotSendSyncShape NotSendSync for &&&Probe<T>, Serialize, DeserializeOwned, Clone;
    NotCloneShape NotClone for &&Probe<T>, Serialize, DeserializeOwned;
    NotDeserializeShape NotDeserialize for &Probe<T>, Serialize;
    NotSerializeShape NotSerialize for Probe<T>,;
}

/// Stage `shape` of a write: any value, of which nothing is stored.
pub trait AnyShape {
    /// The kind.
    fn shape(&self) -> Whole {
        Whole
    }
}

impl<T> AnyShape for Probe<T> {}

/// The kind of a return type, for reads: `kind!(Result<Job, Error>)`, or `kind!(of &body)` if the type cannot be
/// written.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind {
    (of $body:expr) => {{
        use $crate::__private::dispatch::{NoOutcome as _, OwnOutcome as _, SharedOutcome as _};
        $crate::__private::kind_from!((&&&$crate::__private::dispatch::Probe::of($body)).outcome())
    }};
    ($returned:ty) => {{
        use $crate::__private::dispatch::{NoOutcome as _, OwnOutcome as _, SharedOutcome as _};
        $crate::__private::kind_from!(
            (&&&$crate::__private::dispatch::Probe::<$returned>::new()).outcome()
        )
    }};
}

/// The kind of a return type, for writes: nothing is stored, so the error needs no traits.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_of_write {
    (of $body:expr) => {{
        use $crate::__private::dispatch::{NoOutcome as _, OwnOutcome as _};
        $crate::__private::kind_from_write!(
            (&&$crate::__private::dispatch::Probe::of($body)).outcome()
        )
    }};
    ($returned:ty) => {{
        use $crate::__private::dispatch::{NoOutcome as _, OwnOutcome as _};
        $crate::__private::kind_from_write!(
            (&&$crate::__private::dispatch::Probe::<$returned>::new()).outcome()
        )
    }};
}

/// The stages after the first, for writes: of the value itself nothing is asked.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_from_write {
    ($outcome:expr) => {{
        use $crate::__private::dispatch::{
            AnyShape as _, FrameworkWrapped as _, NoPresence as _, NotWrapped as _,
            SomePresence as _, SpecialShape as _, Wrap as _,
        };
        let outcome = $outcome;
        let presence = (&&outcome.inside()).presence();
        let wrapper = (&&presence.inside()).wrapper();
        let inner = (&&wrapper.inside()).presence();
        let shape = (&&&&&&inner.inside()).shape();
        outcome.wrap(presence.wrap(wrapper.wrap(inner.wrap(shape))))
    }};
}

/// The stages after the first.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_kind_from {
    ($outcome:expr) => {{
        use $crate::__private::dispatch::{
            FrameworkWrapped as _, NoPresence as _, NotCloneShape as _, NotDeserializeShape as _,
            NotSendSyncShape as _, NotSerializeShape as _, NotWrapped as _, SomePresence as _,
            SpecialShape as _, WholeShape as _, Wrap as _,
        };
        let outcome = $outcome;
        let presence = (&&outcome.inside()).presence();
        let wrapper = (&&presence.inside()).wrapper();
        let inner = (&&wrapper.inside()).presence();
        let shape = (&&&&&&inner.inside()).shape();
        outcome.wrap(presence.wrap(wrapper.wrap(inner.wrap(shape))))
    }};
}

/// A kind to which a time limit is added, if its result can report one.
pub struct MayTimeOut<R, K>(K, PhantomData<fn() -> R>);

impl<R, K> MayTimeOut<R, K> {
    /// The kind.
    pub const fn new(kind: K) -> Self {
        Self(kind, PhantomData)
    }
}

/// A result whose error can say that the body took too long…
pub trait SaysTimedOut {
    /// The kind.
    type Kind;

    /// The kind with its limit.
    fn limit(&self) -> Limited<Self::Kind>;
}

impl<T, E: From<TimedOut>, K: Copy> SaysTimedOut for &MayTimeOut<Result<T, E>, K> {
    type Kind = K;

    fn limit(&self) -> Limited<K> {
        Limited(self.0)
    }
}

/// … or any other.
pub trait SaysNothing {
    /// The kind.
    type Kind;

    /// The kind as it is.
    fn limit(&self) -> Self::Kind;
}

impl<R, K: Copy> SaysNothing for MayTimeOut<R, K> {
    type Kind = K;

    fn limit(&self) -> K {
        self.0
    }
}

/// The kind with a limit, if the result can say that the body took too long.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_may_time_out {
    ($returned:ty, $kind:expr) => {{
        use $crate::__private::dispatch::{SaysNothing as _, SaysTimedOut as _};
        (&&$crate::__private::dispatch::MayTimeOut::<$returned, _>::new($kind)).limit()
    }};
}

impl Default for Pointer {
    fn default() -> Self {
        Self
    }
}
