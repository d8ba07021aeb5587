//! Between a call's types and the byte core: its request out, and results back.

use crate::cache::{Demand, Hit, Request};
use crate::cacheable::Cacheable;
use crate::flight::Outcome;
use crate::key::CacheKey;
use crate::memory::Kept;
use crate::site::{Call, Site};

pub(super) fn request<'a, R, K: Cacheable<R>>(
    call: &Call,
    key: &'a CacheKey,
    kind: K,
    tags: &'a [String],
    open_tags: &'a [String],
) -> Request<'a> {
    Request {
        removes: !call.patterns.is_empty(),
        ..request_of(call.site, key, kind, tags, open_tags)
    }
}

pub(super) fn request_of<'a, R, K: Cacheable<R>>(
    site: &'static Site,
    key: &'a CacheKey,
    kind: K,
    tags: &'a [String],
    open_tags: &'a [String],
) -> Request<'a> {
    Request {
        key,
        ops: kind.ops(),
        near: site.near,
        tags,
        open_tags,
        takes_none: kind.nothing().is_some(),
        removes: false,
        policy: &site.policy,
        demand: Demand::Any,
        site: Some(site),
    }
}

/// A hit's value as the call's result, with the age that it has in its tier. A value that nobody else holds is moved, not
/// cloned.
pub(super) fn give_back_aged<R, K: Cacheable<R>>(kind: K, hit: &mut Hit) -> Option<R> {
    let mut returned = give_back(kind, hit.kept.take())?;
    kind.aged(&mut returned, hit.aged.age);
    Some(returned)
}

fn give_back<R, K: Cacheable<R>>(kind: K, kept: Kept) -> Option<R> {
    match kept {
        Some(value) => kind.restore(value),
        None => kind.nothing(),
    }
}

pub(super) fn give_back_outcome<R, K: Cacheable<R>>(kind: K, outcome: Outcome) -> Option<R> {
    match outcome {
        Outcome::Value(kept) => give_back(kind, kept),
        Outcome::Nothing => kind.nothing(),
        Outcome::Error(error) => kind.restore_error(&error),
        Outcome::TimedOut => kind.timed_out(),
        Outcome::Failed | Outcome::Unshared => None,
    }
}
