//! The results of handlers: `Json<T>`, `(StatusCode, Json<T>)`. Whole responses are in `response`.
//!
//! An error status (400 and above) is a failure, whatever its type: it is not stored, and makes no removals.

use std::future::Future;
use std::sync::Arc;

use axum::Json;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cacheable::demand::{
    CanBeCached, CanBeNone, CanKeepStatuses, Failing, Innermost, NeverNone, WithInnermost,
};
use crate::cacheable::dispatch::{FrameworkWrapped, Probe, SpecialShape, Split, Wrap};
use crate::cacheable::status::{HasStatus, Keeping};
use crate::cacheable::{Cacheable, Ended, ErasedValue, Preparing, Returned, Success};
use crate::entry::{TypeOps, type_ops};

/// `Json` of a value of kind `K`. It shares its entries with the bare value.
#[derive(Clone, Copy, Debug)]
pub struct InJson<K>(pub K);

/// `(StatusCode, Json<T>)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonWithStatus;

/// A bare status: it says whether the call succeeded, and is not stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct BareStatus;

/// The wrapper `Json`, for the dispatch.
#[derive(Debug)]
pub struct JsonWrapper;

impl<T> FrameworkWrapped<T> for &Probe<Json<T>> {
    type Wrapper = JsonWrapper;
}

impl<T, K> Wrap<K> for Split<JsonWrapper, T> {
    type Wrapped = InJson<K>;

    fn wrap(&self, kind: K) -> InJson<K> {
        InJson(kind)
    }
}

impl<T> SpecialShape for &&&&&Probe<(StatusCode, Json<T>)> {
    type Kind = JsonWithStatus;
}

impl SpecialShape for &&&&&Probe<StatusCode> {
    type Kind = BareStatus;
}

impl<T, K: Returned<T>> Returned<Json<T>> for InJson<K> {
    type Inner = K::Inner;

    fn success(self, returned: &Json<T>) -> Success<'_, K::Inner> {
        self.0.success(&returned.0)
    }

    fn ended(self, returned: &Json<T>) -> Ended {
        self.0.ended(&returned.0)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send, K: Cacheable<T>> Cacheable<Json<T>> for InJson<K> {
    const ANSWERS: bool = true;
    const PREPARES: bool = K::PREPARES;

    async fn prepare(self, Json(value): Json<T>, how: Preparing) -> Json<T> {
        Json(self.0.prepare(value, how).await)
    }

    fn keep(self, returned: &Json<T>) -> Option<ErasedValue> {
        self.0.keep(&returned.0)
    }

    fn restore(self, kept: ErasedValue) -> Option<Json<T>> {
        self.0.restore(kept).map(Json)
    }

    fn nothing(self) -> Option<Json<T>> {
        self.0.nothing().map(Json)
    }

    fn keep_error(self, _: &Json<T>) -> Option<ErasedValue> {
        None
    }

    fn restore_error(self, _: &ErasedValue) -> Option<Json<T>> {
        None
    }

    fn ops(self) -> &'static TypeOps {
        self.0.ops()
    }
}

impl<R> Innermost<R> for BareStatus {
    type Value = R;
    type Leaf = Self;
}

impl<T> Innermost<(StatusCode, Json<T>)> for JsonWithStatus {
    type Value = T;
    type Leaf = Self;
}

impl<T, K: Innermost<T>> Innermost<Json<T>> for InJson<K> {
    type Value = K::Value;
    type Leaf = K::Leaf;
}

impl NeverNone for BareStatus {}

impl NeverNone for JsonWithStatus {}

impl<K: NeverNone> NeverNone for InJson<K> {}

#[diagnostic::do_not_recommend]
impl<T, K: CanBeNone<T>> CanBeNone<Json<T>> for InJson<K> {
    type Kind = Self;

    fn demanded(self) -> Self {
        self
    }
}

impl<R> Failing<R> for JsonWithStatus {
    type Error = R;
}

impl<R> Failing<R> for BareStatus {
    type Error = R;
}

impl<R, K> Failing<R> for InJson<K> {
    type Error = R;
}

/// A status and a value, as stored.
#[derive(Clone, Serialize, Deserialize)]
struct WithStatus<T> {
    status: u16,
    value: T,
}

impl<T> Returned<(StatusCode, Json<T>)> for JsonWithStatus {
    type Inner = T;

    fn success(self, (status, Json(value)): &(StatusCode, Json<T>)) -> Success<'_, T> {
        if is_error(*status) {
            Success::Failure
        } else {
            Success::Value(value)
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T> Cacheable<(StatusCode, Json<T>)> for JsonWithStatus
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    const ANSWERS: bool = true;

    fn prepare(
        self,
        returned: (StatusCode, Json<T>),
        _: Preparing,
    ) -> impl Future<Output = (StatusCode, Json<T>)> + Send {
        std::future::ready(returned)
    }

    fn keep(self, (status, Json(value)): &(StatusCode, Json<T>)) -> Option<ErasedValue> {
        Some(Arc::new(WithStatus {
            status: status.as_u16(),
            value: value.clone(),
        }))
    }

    fn restore(self, kept: ErasedValue) -> Option<(StatusCode, Json<T>)> {
        let kept = kept.downcast_ref::<WithStatus<T>>()?;
        Some((
            StatusCode::from_u16(kept.status).ok()?,
            Json(kept.value.clone()),
        ))
    }

    fn nothing(self) -> Option<(StatusCode, Json<T>)> {
        None
    }

    fn keep_error(self, _: &(StatusCode, Json<T>)) -> Option<ErasedValue> {
        None
    }

    fn restore_error(self, _: &ErasedValue) -> Option<(StatusCode, Json<T>)> {
        None
    }

    fn ops(self) -> &'static TypeOps {
        type_ops::<WithStatus<T>>()
    }
}

#[diagnostic::do_not_recommend]
impl<T, K> CanBeCached<T, JsonWithStatus> for K
where
    JsonWithStatus: Cacheable<(StatusCode, Json<T>)>,
{
    type Kind = Self;

    fn demanded(with_innermost: WithInnermost<Self, T, JsonWithStatus>) -> Self {
        with_innermost.kind()
    }
}

impl Returned<StatusCode> for BareStatus {
    type Inner = StatusCode;

    fn success(self, returned: &StatusCode) -> Success<'_, StatusCode> {
        if is_error(*returned) {
            Success::Failure
        } else {
            Success::Value(returned)
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T> HasStatus<(StatusCode, Json<T>)> for JsonWithStatus
where
    Self: Cacheable<(StatusCode, Json<T>)> + Returned<(StatusCode, Json<T>), Inner = T>,
{
    fn status(self, (status, Json(value)): &(StatusCode, Json<T>)) -> Option<(u16, &T)> {
        Some((status.as_u16(), value))
    }

    fn ready(
        self,
        returned: (StatusCode, Json<T>),
        how: Preparing,
    ) -> impl Future<Output = (StatusCode, Json<T>)> + Send {
        self.prepare(returned, how)
    }
}

#[diagnostic::do_not_recommend]
impl<T> CanKeepStatuses<(StatusCode, Json<T>)> for JsonWithStatus
where
    Self: HasStatus<(StatusCode, Json<T>)>,
{
    type Kind = Keeping<Self>;

    fn demanded(self, statuses: &'static [u16]) -> Keeping<Self> {
        Keeping::new(self, statuses)
    }
}

pub(super) fn is_error(status: StatusCode) -> bool {
    status.as_u16() >= 400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_status_is_a_failure() {
        let failed = (StatusCode::CONFLICT, Json(1));
        assert!(matches!(JsonWithStatus.success(&failed), Success::Failure));
        assert!(matches!(
            BareStatus.success(&StatusCode::NO_CONTENT),
            Success::Value(_)
        ));
    }
}
