//! Results and their kinds without their types. The core of a call works with these, so that it is compiled once and
//! not for every cached function.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use crate::cacheable::{Cacheable, Ended, ErasedValue, Preparing};
use crate::entry::TypeOps;

/// The result of a call.
pub(crate) type AnyResult = Box<dyn Any + Send>;

/// A result that is being prepared for storing.
pub enum Prepared {
    Ready(AnyResult),
    /// The body of the response has to be read first.
    Reading(Pin<Box<dyn Future<Output = AnyResult> + Send>>),
}

/// [`Cacheable`] of one type, with that type erased. Each method that takes a result expects one of that type.
pub trait AnyKind: Send + Sync {
    fn ended(&self, returned: &AnyResult) -> Ended;

    fn has_failed(&self, returned: &AnyResult) -> bool {
        self.ended(returned) == Ended::Failed
    }

    fn prepare(&self, returned: AnyResult, how: Preparing) -> Prepared;
    fn keep(&self, returned: &AnyResult) -> Option<ErasedValue>;
    fn keep_error(&self, returned: &AnyResult) -> Option<ErasedValue>;
    fn is_private(&self, returned: &AnyResult) -> bool;
    fn release(&self, returned: &mut AnyResult);
    fn restore(&self, kept: ErasedValue) -> Option<AnyResult>;
    /// Restores a value that has spent `age` in the cache.
    fn restore_aged(&self, kept: ErasedValue, age: Duration) -> Option<AnyResult>;
    fn restore_error(&self, kept: &ErasedValue) -> Option<AnyResult>;
    fn nothing(&self) -> Option<AnyResult>;
    fn timed_out(&self) -> Option<AnyResult>;
    fn takes_none(&self) -> bool;
    fn ops(&self) -> &'static TypeOps;
    fn another(&self) -> Box<dyn AnyKind>;
}

/// A kind whose results can be type-erased and restored.
///
/// It is a separate trait, so that a result which cannot be erased gives one error, and not one for each bound of each
/// function.
#[diagnostic::on_unimplemented(
    message = "`{R}` cannot be cached",
    label = "this result cannot be stored",
    note = "a result is `Send + 'static`, and the value in it `Serialize + DeserializeOwned + Clone + Send + Sync`"
)]
pub trait Erase<R>: Cacheable<R> {
    /// The kind with its types erased. The box is empty, so it does not allocate.
    fn any_kind(self) -> Box<dyn AnyKind>;

    /// Erases the type of the result.
    fn any(returned: R) -> AnyResult;

    /// Restores the type of the result.
    fn typed(returned: AnyResult) -> R;

    /// Borrows the result with its type.
    fn typed_ref(returned: &AnyResult) -> &R;
}

#[diagnostic::do_not_recommend]
impl<R, K> Erase<R> for K
where
    R: Send + 'static,
    K: Cacheable<R>,
{
    fn any_kind(self) -> Box<dyn AnyKind> {
        Box::new(Typed(self, PhantomData))
    }

    fn any(returned: R) -> AnyResult {
        Box::new(returned)
    }

    fn typed(returned: AnyResult) -> R {
        match returned.downcast() {
            Ok(returned) => *returned,
            Err(_) => unreachable!("a call gives back what its own kind has made"),
        }
    }

    fn typed_ref(returned: &AnyResult) -> &R {
        match returned.downcast_ref() {
            Some(returned) => returned,
            None => unreachable!("a call looks at what its own body has made"),
        }
    }
}

struct Typed<R, K>(K, PhantomData<fn() -> R>);

impl<R: Send + 'static, K: Cacheable<R>> AnyKind for Typed<R, K> {
    fn ended(&self, returned: &AnyResult) -> Ended {
        self.0.ended(K::typed_ref(returned))
    }

    fn prepare(&self, returned: AnyResult, how: Preparing) -> Prepared {
        if !K::PREPARES {
            return Prepared::Ready(returned);
        }
        let kind = self.0;
        Prepared::Reading(Box::pin(async move {
            K::any(kind.prepare(K::typed(returned), how).await)
        }))
    }

    fn keep(&self, returned: &AnyResult) -> Option<ErasedValue> {
        self.0.keep(K::typed_ref(returned))
    }

    fn keep_error(&self, returned: &AnyResult) -> Option<ErasedValue> {
        self.0.keep_error(K::typed_ref(returned))
    }

    fn is_private(&self, returned: &AnyResult) -> bool {
        self.0.is_private(K::typed_ref(returned))
    }

    fn release(&self, returned: &mut AnyResult) {
        if let Some(returned) = returned.downcast_mut() {
            self.0.release(returned);
        }
    }

    fn restore(&self, kept: ErasedValue) -> Option<AnyResult> {
        self.0.restore(kept).map(K::any)
    }

    fn restore_aged(&self, kept: ErasedValue, age: Duration) -> Option<AnyResult> {
        let mut returned = self.0.restore(kept)?;
        self.0.aged(&mut returned, age);
        Some(K::any(returned))
    }

    fn restore_error(&self, kept: &ErasedValue) -> Option<AnyResult> {
        self.0.restore_error(kept).map(K::any)
    }

    fn nothing(&self) -> Option<AnyResult> {
        self.0.nothing().map(K::any)
    }

    fn timed_out(&self) -> Option<AnyResult> {
        self.0.timed_out().map(K::any)
    }

    fn takes_none(&self) -> bool {
        self.0.nothing().is_some()
    }

    fn ops(&self) -> &'static TypeOps {
        self.0.ops()
    }

    fn another(&self) -> Box<dyn AnyKind> {
        self.0.any_kind()
    }
}
