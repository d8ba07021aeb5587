//! Converts between a call and the core of the cache: requests, and results.

use crate::cache::{Demand, Hit, Request};
use crate::cacheable::erased::{AnyKind, AnyResult};
use crate::cacheable::{Cacheable, ErasedValue};
use crate::call::call::Call;
use crate::call::site::Site;
use crate::entry::TypeOps;
use crate::key::CacheKey;
use crate::local::flight::Outcome;

/// The properties of the result type that a request contains.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    ops: &'static TypeOps,
    takes_none: bool,
}

impl Shape {
    pub(super) fn of<R, K: Cacheable<R>>(kind: K) -> Self {
        Self {
            ops: kind.ops(),
            takes_none: kind.nothing().is_some(),
        }
    }

    pub(super) fn of_any(kind: &dyn AnyKind) -> Self {
        Self {
            ops: kind.ops(),
            takes_none: kind.takes_none(),
        }
    }
}

pub(super) fn request<'a>(
    call: &Call,
    key: &'a CacheKey,
    shape: Shape,
    tags: &'a [String],
    open_tags: &'a [String],
) -> Request<'a> {
    Request {
        removes: !call.patterns.is_empty(),
        tags,
        open_tags,
        ..request_of(call.site, key, shape)
    }
}

pub(super) fn request_of<'a>(site: &'static Site, key: &'a CacheKey, shape: Shape) -> Request<'a> {
    Request {
        key,
        ops: shape.ops,
        near: site.near,
        tags: &[],
        open_tags: &[],
        takes_none: shape.takes_none,
        removes: false,
        policy: &site.policy,
        demand: Demand::Any,
        function: Some(site.function()),
    }
}

/// Converts the value of a hit to the call's result, with its age in the cache. A value without other references is
/// moved, not cloned.
pub(super) fn give_back_typed<R, K: Cacheable<R>>(kind: K, hit: &mut Hit) -> Option<R> {
    let mut returned = match hit.kept.take() {
        Some(value) => kind.restore(value),
        None => kind.nothing(),
    }?;
    kind.aged(&mut returned, hit.aged.age);
    Some(returned)
}

/// The same without its type.
pub(super) fn give_back_aged(kind: &dyn AnyKind, hit: &mut Hit) -> Option<AnyResult> {
    match hit.kept.take() {
        Some(value) => kind.restore_aged(value, hit.aged.age),
        None => kind.nothing(),
    }
}

pub(super) fn give_back_outcome(kind: &dyn AnyKind, outcome: Outcome) -> Option<AnyResult> {
    let restore = |value: ErasedValue| kind.restore(value);
    match outcome {
        Outcome::Value(Some(value)) | Outcome::Unstored(value) => restore(value),
        Outcome::Found(Some(value), aged) => kind.restore_aged(value, aged.age),
        Outcome::Value(None) | Outcome::Found(None, _) | Outcome::Nothing => kind.nothing(),
        Outcome::Error(error) => kind.restore_error(&error),
        Outcome::TimedOut => kind.timed_out(),
        Outcome::Failed | Outcome::Unshared => None,
    }
}
