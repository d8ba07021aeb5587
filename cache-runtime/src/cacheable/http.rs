//! The results of handlers: `(StatusCode, Json<T>)` and `StatusCode`. `Json<T>` and `Html<T>` are in `wrapped`, whole responses in
//! `response`.
//!
//! An error status (400 and above) is a failure, whatever its type: it is not stored, and makes no removals.

use std::future::Future;
use std::sync::Arc;

use axum::Json;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cacheable::demand::{
    CanBeCached, CanKeepStatuses, Failing, Innermost, NeverNone, WithInnermost,
};
use crate::cacheable::dispatch::{Probe, SpecialShape};
use crate::cacheable::status::{HasStatus, Keeping};
use crate::cacheable::{Cacheable, ErasedValue, Preparing, Returned, Success};
use crate::entry::{TypeOps, type_ops};

/// `(StatusCode, Json<T>)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonWithStatus;

/// A bare status: it says whether the call succeeded, and is not stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct BareStatus;

impl<T> SpecialShape for &&&&&Probe<(StatusCode, Json<T>)> {
    type Kind = JsonWithStatus;
}

impl SpecialShape for &&&&&Probe<StatusCode> {
    type Kind = BareStatus;
}

impl<R> Innermost<R> for BareStatus {
    type Value = R;
    type Leaf = Self;
}

impl<T> Innermost<(StatusCode, Json<T>)> for JsonWithStatus {
    type Value = T;
    type Leaf = Self;
}

#[diagnostic::do_not_recommend]
impl NeverNone for BareStatus {}

#[diagnostic::do_not_recommend]
impl NeverNone for JsonWithStatus {}

impl<R> Failing<R> for JsonWithStatus {
    type Error = R;
}

impl<R> Failing<R> for BareStatus {
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
