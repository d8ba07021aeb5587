//! Answers with an error status that are cached nevertheless, because the function says so (`statuses`).

use std::future::Future;
use std::time::Duration;

use crate::cacheable::{Cacheable, ErasedValue, Preparing, Returned, Success};
use crate::entry::TypeOps;

/// A result that has a status.
pub trait HasStatus<R>: Cacheable<R> {
    /// The status, and the part of the answer that `when` and `<result.…>` see.
    fn status(self, returned: &R) -> Option<(u16, &Self::Inner)>;

    /// Prepares the result for storing, whatever its status.
    fn ready(self, returned: R, how: Preparing) -> impl Future<Output = R> + Send;
}

/// A value of kind `K`, of a function that caches answers with these error statuses like successes.
#[derive(Clone, Copy, Debug)]
pub struct Keeping<K> {
    kind: K,
    statuses: &'static [u16],
}

impl<K: Copy> Keeping<K> {
    pub(super) fn new(kind: K, statuses: &'static [u16]) -> Self {
        Self { kind, statuses }
    }

    fn wants<R>(self, returned: &R) -> Option<&<K as Returned<R>>::Inner>
    where
        K: HasStatus<R>,
    {
        let (status, value) = self.kind.status(returned)?;
        self.statuses.contains(&status).then_some(value)
    }
}

impl<R, K: HasStatus<R>> Returned<R> for Keeping<K> {
    type Inner = K::Inner;

    fn success(self, returned: &R) -> Success<'_, K::Inner> {
        match self.wants(returned) {
            Some(value) => Success::Value(value),
            None => self.kind.success(returned),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<R: Send, K: HasStatus<R>> Cacheable<R> for Keeping<K> {
    const ANSWERS: bool = K::ANSWERS;
    const PREPARES: bool = true;

    async fn prepare(self, returned: R, how: Preparing) -> R {
        if self.wants(&returned).is_some() {
            self.kind.ready(returned, how).await
        } else {
            self.kind.prepare(returned, how).await
        }
    }

    fn keep(self, returned: &R) -> Option<ErasedValue> {
        self.kind.keep(returned)
    }

    fn restore(self, kept: ErasedValue) -> Option<R> {
        self.kind.restore(kept)
    }

    fn nothing(self) -> Option<R> {
        self.kind.nothing()
    }

    fn keep_error(self, returned: &R) -> Option<ErasedValue> {
        self.kind.keep_error(returned)
    }

    fn restore_error(self, kept: &ErasedValue) -> Option<R> {
        self.kind.restore_error(kept)
    }

    fn ops(self) -> &'static TypeOps {
        self.kind.ops()
    }

    fn release(self, returned: &mut R) {
        self.kind.release(returned);
    }

    fn aged(self, returned: &mut R, age: Duration) {
        self.kind.aged(returned, age);
    }

    fn is_private(self, returned: &R) -> bool {
        self.kind.is_private(returned)
    }

    fn timed_out(self) -> Option<R> {
        self.kind.timed_out()
    }
}
