//! How a [`CachedJson`] is stored: as its text.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::cacheable::cached_json::{CachedJson, Stored};
use crate::cacheable::demand::{CanBeNone, Failing, Innermost, NeverNone};
use crate::cacheable::dispatch::{FrameworkWrapped, Probe, Split, Wrap};
use crate::cacheable::prepared::Prepared;
use crate::cacheable::{Cacheable, Ended, ErasedValue, Preparing, Returned, Success};
use crate::entry::{CodecError, CodecKind, TypeOps, type_ops};

/// `CachedJson` of a value of kind `K`.
#[derive(Clone, Copy, Debug)]
pub struct InCachedJson<K>(pub K);

/// The wrapper `CachedJson`, for the dispatch.
#[derive(Debug)]
pub struct CachedJsonWrapper;

impl<T> FrameworkWrapped<T> for &Probe<CachedJson<T>> {
    type Wrapper = CachedJsonWrapper;
}

impl<T, K> Wrap<K> for Split<CachedJsonWrapper, T> {
    type Wrapped = InCachedJson<K>;

    fn wrap(&self, kind: K) -> InCachedJson<K> {
        InCachedJson(kind)
    }
}

impl<T, K: Returned<T>> Returned<CachedJson<T>> for InCachedJson<K> {
    type Inner = K::Inner;

    /// Decodes a value that came from the cache. If that fails, there is no value that could be looked at.
    fn success(self, returned: &CachedJson<T>) -> Success<'_, K::Inner> {
        returned
            .value()
            .map_or(Success::Nothing, |value| self.0.success(value))
    }

    /// Decodes nothing: what came from the cache is a success.
    fn ended(self, returned: &CachedJson<T>) -> Ended {
        returned
            .known()
            .map_or(Ended::Value, |value| self.0.ended(value))
    }
}

#[diagnostic::do_not_recommend]
impl<T, K> Cacheable<CachedJson<T>> for InCachedJson<K>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    K: Cacheable<T>,
{
    const ANSWERS: bool = true;
    const PREPARES: bool = true;

    async fn prepare(self, returned: CachedJson<T>, how: Preparing) -> CachedJson<T> {
        if self.ended(&returned) == Ended::Value {
            returned.prepare(how).await
        } else {
            returned
        }
    }

    fn keep(self, returned: &CachedJson<T>) -> Option<ErasedValue> {
        match returned.stored() {
            Some(stored) => Some(Arc::<Stored<T>>::clone(stored)),
            // A value without a text can be shared with waiting calls, and cannot be stored.
            None => self.0.keep(returned.known()?),
        }
    }

    fn restore(self, kept: ErasedValue) -> Option<CachedJson<T>> {
        match kept.downcast::<Stored<T>>() {
            Ok(stored) => Some(CachedJson::of_stored(stored)),
            Err(value) => self.0.restore(value).map(CachedJson::new),
        }
    }

    fn nothing(self) -> Option<CachedJson<T>> {
        self.0.nothing().map(CachedJson::new)
    }

    fn keep_error(self, _: &CachedJson<T>) -> Option<ErasedValue> {
        None
    }

    fn restore_error(self, _: &ErasedValue) -> Option<CachedJson<T>> {
        None
    }

    fn ops(self) -> &'static TypeOps {
        &Of::<T>::OPS
    }
}

/// Holds a constant that depends on a type, which a `static` cannot.
struct Of<T>(PhantomData<T>);

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Of<T> {
    const OPS: TypeOps = TypeOps {
        // Not the type's own, so that the text is never read as an entry of a `Json<T>`, nor the other way round.
        fingerprint: || {
            let own = (type_ops::<T>().fingerprint)();
            xxh3_64_with_seed(b"CachedJson", own)
        },
        // The text is JSON whatever is asked for; this says that what is around it is not.
        codec: |_| CodecKind::Bincode,
        is: |value| value.is::<Stored<T>>(),
        // As JSON it is what operators are shown.
        encode: |value, codec| match (value.downcast_ref::<Stored<T>>(), codec) {
            (Some(stored), CodecKind::Json) => Ok(stored.prepared().text().to_vec()),
            (Some(stored), CodecKind::Bincode | CodecKind::Postcard) => {
                Ok(stored.prepared().packed().to_vec())
            }
            (None, _) => Err(CodecError::Encode),
        },
        decode: |bytes, codec| {
            let packed = (codec != CodecKind::Json).then(|| Bytes::copy_from_slice(bytes));
            match packed.and_then(Prepared::read) {
                Some(prepared) => Ok(Arc::new(Stored::<T>::new(prepared))),
                None => Err(CodecError::Decode),
            }
        },
        size: |value| {
            value
                .downcast_ref::<Stored<T>>()
                .map_or(usize::MAX, |stored| stored.prepared().packed().len())
        },
    };
}

impl<T, K: Innermost<T>> Innermost<CachedJson<T>> for InCachedJson<K> {
    type Value = K::Value;
    type Leaf = K::Leaf;
}

#[diagnostic::do_not_recommend]
impl<K: NeverNone> NeverNone for InCachedJson<K> {}

#[diagnostic::do_not_recommend]
impl<T, K: CanBeNone<T>> CanBeNone<CachedJson<T>> for InCachedJson<K> {
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

impl<R, K> Failing<R> for InCachedJson<K> {
    type Error = R;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Damaged or not, the bytes of one are never tried as the other's.
    #[test]
    fn a_text_and_its_bare_value_have_different_fingerprints() {
        let own = |ops: &TypeOps| (ops.fingerprint)();
        assert_ne!(own(&Of::<u32>::OPS), own(type_ops::<u32>()));
        assert_ne!(own(&Of::<u32>::OPS), own(&Of::<u64>::OPS));
    }
}
