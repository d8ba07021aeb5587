//! The names that generated code uses. Nothing here is part of the public interface.

use std::time::Duration;

pub use crate::cacheable::demand::{
    BorrowedArgument, CanBeCached, CanBeNone, CanBlock, CanKeepStatuses, CanTimeOut, CloneForEarly,
    CloneForSoftTimeout, CloneForStale, CloneForVerify, Failing, Innermost, innermost_of_result,
};
pub use crate::cacheable::dispatch;
pub use crate::call::call::{Call, IntoKey, KeyText, ResultPatterns};
pub use crate::call::caller::{Marked, Unmarked};
pub use crate::call::site::Site;
pub use crate::call::{
    always, no_result_patterns, put, put_local, read, read_blocking, read_detachable, read_local,
    refresh, refresh_blocking, uncached, uncached_blocking, write, write_blocking, write_local,
};
pub use crate::entry::policy::{Near, Outage};
pub use crate::entry::{CodecKind, Compression, TypeOps, type_ops};
pub use crate::key::{
    CacheKey, Instance, KeyPart, KeyWriter, NotAKey, PatternPart, PatternTemplate, Removable,
    Template,
};
pub use crate::telemetry::invalidation::Invalidation;
pub use crate::ttl;
pub use crate::ttl::NamedTtl;
pub use crate::ttl::Ttl;
pub use crate::{
    __cached_feature_bincode as feature_bincode, __cached_feature_lz4 as feature_lz4,
    __cached_feature_postcard as feature_postcard, __cached_feature_zstd as feature_zstd,
    __cached_identify_caller as identify_caller, __cached_instance as instance,
    __cached_kind as kind, __cached_kind_from as kind_from,
    __cached_kind_from_write as kind_from_write, __cached_kind_of_write as kind_of_write,
    __cached_may_time_out as may_time_out,
};

/// Declares the return type of a body, so that `return` and `?` inside it infer as they do in a function: an `async`
/// block has no place to write its type. Always `None`.
pub const fn stated<R>() -> Option<R> {
    None
}

/// The TTL for the value of `ttl = …`.
pub fn lifetime(ttl: impl Lifetime) -> Ttl {
    ttl.lifetime()
}

/// The TTL that the closure of `ttl = |value| …` returns.
pub fn lifetime_of<I: ?Sized, T>(value: &I, ttl: impl FnOnce(&I) -> T) -> Ttl
where
    for<'t> &'t T: Lifetime,
{
    lifetime(&ttl(value))
}

/// The types that may follow `ttl =`. A macro cannot distinguish a name of `ttl_names!`, which is a static and cannot
/// be moved, from a constant; so the value is always borrowed, and its type decides.
#[diagnostic::on_unimplemented(
    message = "`ttl` is no lifetime: it is `{Self}`",
    label = "expected a name of `ttl_names!`, a `Duration`, or whole seconds as a `u64`"
)]
pub trait Lifetime {
    /// The TTL.
    fn lifetime(self) -> Ttl;
}

#[diagnostic::do_not_recommend]
impl Lifetime for &'static NamedTtl {
    fn lifetime(self) -> Ttl {
        Ttl::Named(self)
    }
}

#[diagnostic::do_not_recommend]
impl Lifetime for &&'static NamedTtl {
    fn lifetime(self) -> Ttl {
        Ttl::Named(self)
    }
}

#[diagnostic::do_not_recommend]
impl Lifetime for &Duration {
    fn lifetime(self) -> Ttl {
        Ttl::Fixed(*self)
    }
}

#[diagnostic::do_not_recommend]
impl Lifetime for &u64 {
    fn lifetime(self) -> Ttl {
        Ttl::Fixed(Duration::from_secs(*self))
    }
}

#[diagnostic::do_not_recommend]
impl Lifetime for &Ttl {
    fn lifetime(self) -> Ttl {
        *self
    }
}
