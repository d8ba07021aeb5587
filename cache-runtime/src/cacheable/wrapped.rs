//! Results that are a value in a wrapper of the web framework: `Json<T>`, `Html<T>`. A wrapped value shares its entries with the
//! bare one.

use axum::Json;
use axum::response::Html;

use crate::cacheable::demand::{CanBeNone, Failing, Innermost, NeverNone};
use crate::cacheable::dispatch::{FrameworkWrapped, Probe, Split, Wrap};
use crate::cacheable::{Cacheable, Ended, ErasedValue, Preparing, Returned, Success};
use crate::entry::TypeOps;

macro_rules! wrappers {
    ($($wrapper:ident as $kind:ident, found as $found:ident;)*) => {$(
        #[doc = concat!("`", stringify!($wrapper), "` of a value of kind `K`.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $kind<K>(pub K);

        #[doc = concat!("The wrapper `", stringify!($wrapper), "`, for the dispatch.")]
        #[derive(Debug)]
        pub struct $found;

        impl<T> FrameworkWrapped<T> for &Probe<$wrapper<T>> {
            type Wrapper = $found;
        }

        impl<T, K> Wrap<K> for Split<$found, T> {
            type Wrapped = $kind<K>;

            fn wrap(&self, kind: K) -> $kind<K> {
                $kind(kind)
            }
        }

        impl<T, K: Returned<T>> Returned<$wrapper<T>> for $kind<K> {
            type Inner = K::Inner;

            fn success(self, returned: &$wrapper<T>) -> Success<'_, K::Inner> {
                self.0.success(&returned.0)
            }

            fn ended(self, returned: &$wrapper<T>) -> Ended {
                self.0.ended(&returned.0)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: Send, K: Cacheable<T>> Cacheable<$wrapper<T>> for $kind<K> {
            const ANSWERS: bool = true;
            const PREPARES: bool = K::PREPARES;

            async fn prepare(self, $wrapper(value): $wrapper<T>, how: Preparing) -> $wrapper<T> {
                $wrapper(self.0.prepare(value, how).await)
            }

            fn keep(self, returned: &$wrapper<T>) -> Option<ErasedValue> {
                self.0.keep(&returned.0)
            }

            fn restore(self, kept: ErasedValue) -> Option<$wrapper<T>> {
                self.0.restore(kept).map($wrapper)
            }

            fn nothing(self) -> Option<$wrapper<T>> {
                self.0.nothing().map($wrapper)
            }

            fn keep_error(self, _: &$wrapper<T>) -> Option<ErasedValue> {
                None
            }

            fn restore_error(self, _: &ErasedValue) -> Option<$wrapper<T>> {
                None
            }

            fn ops(self) -> &'static TypeOps {
                self.0.ops()
            }
        }

        impl<T, K: Innermost<T>> Innermost<$wrapper<T>> for $kind<K> {
            type Value = K::Value;
            type Leaf = K::Leaf;
        }

        #[diagnostic::do_not_recommend]
        impl<K: NeverNone> NeverNone for $kind<K> {}

        #[diagnostic::do_not_recommend]
        impl<T, K: CanBeNone<T>> CanBeNone<$wrapper<T>> for $kind<K> {
            type Kind = Self;

            fn demanded(self) -> Self {
                self
            }
        }

        impl<R, K> Failing<R> for $kind<K> {
            type Error = R;
        }
    )*};
}

wrappers! {
    Json as InJson, found as JsonWrapper;
    Html as InHtml, found as HtmlWrapper;
}
