//! Runtime.

#[doc(hidden)]
pub mod __private;
mod cacheable;
mod call;
mod site;

#[allow(
    dead_code,
    unused_imports,
    reason = "the layers that read and write entries stand above this one"
)]
mod entry;
#[allow(
    dead_code,
    reason = "the layers that render and match keys stand above this one"
)]
mod key;
#[allow(
    dead_code,
    reason = "configuration, which reads the environment, stands above this one"
)]
pub mod ttl;

pub use entry::CodecKind;
#[doc(hidden)]
pub use entry::{TypeOps, type_ops};
pub use key::{CacheKey, Glob, Pattern, PatternError};
#[doc(hidden)]
pub use key::{KeyPart, KeyWriter, NotAKey, PatternTemplate, Template};
pub use ttl::{NamedTtl, Ttl};

pub use cache_macros::cached;
pub use site::{Cache, Invalidation};
