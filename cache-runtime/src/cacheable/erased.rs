//! Results and their kinds without their types: what the core of a call works with, so that it is compiled once and not for
//! every cached function.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use super::{Cacheable, Kept, Success};
use crate::entry::TypeOps;

/// What a call returned.
pub(crate) type AnyResult = Box<dyn Any + Send>;

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
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

/// A result on its way to be kept.
pub(crate) enum Prepared {
    Ready(AnyResult),
    /// Its body has to be read first.
    Reading(Pin<Box<dyn Future<Output = AnyResult> + Send>>),
}

/// [`Cacheable`] of one type, without it. Each method that is given a result expects one of that type.
pub(crate) trait AnyKind: Send + Sync {
    fn ended(&self, returned: &AnyResult) -> Ended;

    fn has_failed(&self, returned: &AnyResult) -> bool {
        self.ended(returned) == Ended::Failed
    }

    fn prepare(&self, returned: AnyResult) -> Prepared;
    fn keep(&self, returned: &AnyResult) -> Option<Kept>;
    fn keep_error(&self, returned: &AnyResult) -> Option<Kept>;
    fn is_private(&self, returned: &AnyResult) -> bool;
    fn release(&self, returned: &mut AnyResult);
    fn restore(&self, kept: Kept) -> Option<AnyResult>;
    /// The same for a value that has spent `age` in the cache.
    fn restore_aged(&self, kept: Kept, age: Duration) -> Option<AnyResult>;
    fn restore_error(&self, kept: &Kept) -> Option<AnyResult>;
    fn nothing(&self) -> Option<AnyResult>;
    fn timed_out(&self) -> Option<AnyResult>;
    fn takes_none(&self) -> bool;
    fn ops(&self) -> &'static TypeOps;
    fn another(&self) -> Box<dyn AnyKind>;
}

struct Typed<R, K>(K, PhantomData<fn() -> R>);

/// The kind `K` of results of type `R`. The box is empty: it allocates nothing.
pub(crate) fn any_kind<R, K>(kind: K) -> Box<dyn AnyKind>
where
    R: Send + 'static,
    K: Cacheable<R>,
{
    Box::new(Typed(kind, PhantomData))
}

/// A result with its type again.
pub(crate) fn typed<R: 'static>(returned: AnyResult) -> R {
    match returned.downcast() {
        Ok(returned) => *returned,
        Err(_) => unreachable!("a call gives back what its own kind has made"),
    }
}

pub(crate) fn typed_ref<R: 'static>(returned: &AnyResult) -> &R {
    match returned.downcast_ref() {
        Some(returned) => returned,
        None => unreachable!("a call looks at what its own body has made"),
    }
}

fn any<R: Send + 'static>(returned: R) -> AnyResult {
    Box::new(returned)
}

impl<R: Send + 'static, K: Cacheable<R>> AnyKind for Typed<R, K> {
    fn ended(&self, returned: &AnyResult) -> Ended {
        Ended::from(&self.0.success(typed_ref(returned)))
    }

    fn prepare(&self, returned: AnyResult) -> Prepared {
        if !K::PREPARES {
            return Prepared::Ready(returned);
        }
        let kind = self.0;
        Prepared::Reading(Box::pin(async move {
            any(kind.prepare(typed::<R>(returned)).await)
        }))
    }

    fn keep(&self, returned: &AnyResult) -> Option<Kept> {
        self.0.keep(typed_ref(returned))
    }

    fn keep_error(&self, returned: &AnyResult) -> Option<Kept> {
        self.0.keep_error(typed_ref(returned))
    }

    fn is_private(&self, returned: &AnyResult) -> bool {
        self.0.is_private(typed_ref(returned))
    }

    fn release(&self, returned: &mut AnyResult) {
        if let Some(returned) = returned.downcast_mut() {
            self.0.release(returned);
        }
    }

    fn restore(&self, kept: Kept) -> Option<AnyResult> {
        self.0.restore(kept).map(any)
    }

    fn restore_aged(&self, kept: Kept, age: Duration) -> Option<AnyResult> {
        let mut returned = self.0.restore(kept)?;
        self.0.aged(&mut returned, age);
        Some(any(returned))
    }

    fn restore_error(&self, kept: &Kept) -> Option<AnyResult> {
        self.0.restore_error(kept).map(any)
    }

    fn nothing(&self) -> Option<AnyResult> {
        self.0.nothing().map(any)
    }

    fn timed_out(&self) -> Option<AnyResult> {
        self.0.timed_out().map(any)
    }

    fn takes_none(&self) -> bool {
        self.0.nothing().is_some()
    }

    fn ops(&self) -> &'static TypeOps {
        self.0.ops()
    }

    fn another(&self) -> Box<dyn AnyKind> {
        any_kind::<R, K>(self.0)
    }
}
