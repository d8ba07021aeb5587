//! Keys: how values become text, and how patterns name keys.
//!
//! Everything here relies on one property: **for one template, different arguments give different keys**, and no
//! argument can produce a separator, a glob or another key's prefix.

mod cache_key;
mod elements;
mod escape;
mod hash;
mod instance;
mod numbered;
mod part;
mod pattern;
mod pattern_template;
mod removable;
mod serializer;
mod template;
mod typed;
mod writer;

pub use cache_key::CacheKey;
pub(crate) use cache_key::templates_meet;
pub use elements::PatternPart;
pub use instance::Instance;
pub(crate) use numbered::NumberedPatterns;
pub use part::KeyPart;
pub use pattern::{Glob, Pattern, PatternError};
pub(crate) use pattern_template::Elements;
pub use pattern_template::PatternTemplate;
pub use removable::Removable;
pub use template::Template;
pub use typed::{KeyPrefix, Tag};
pub use writer::{KeyWriter, NotAKey};
