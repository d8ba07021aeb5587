//! Rendered cache keys, and constructors for common ones.

use std::cmp::Ordering;
use std::fmt::{self, Debug, Display};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};

use serde::Serialize;

use crate::key::escape::{escape_manual, push_hex_lower};
use crate::key::hash::{HASH_START, PLACEHOLDER, hash_text};
use crate::key::part::KeyPart;
use crate::key::writer::KeyWriter;

/// A rendered key.
///
/// Two keys are equal if their texts are equal. A key also carries the hash of the template it was made from, which is
/// stored in the entry. If two templates can produce the same text, such as `article:<slug>` and the literal
/// `article:latest`, a call with one of them gets a cache miss instead of the other's value.
///
/// # Examples
///
/// ```
/// use cache_runtime::CacheKey;
///
/// assert_eq!(CacheKey::user(123).as_str(), "user:123");
/// assert_eq!(CacheKey::list_paginated("employee", 1, 20).as_str(), "employee:list:p1:pp20");
///
/// // Input of a caller can contain neither a separator nor a glob.
/// let key = CacheKey::of("file").segment("a:b*").segment(&7);
/// assert_eq!(key.as_str(), "file:a%3Ab%2A:7");
/// ```
#[derive(Clone)]
pub struct CacheKey {
    text: String,
    template: u64,
}

impl CacheKey {
    /// Creates a key from a text written by hand.
    ///
    /// `:` separates segments, as in all keys. Letters, digits, `-_./@+&` and visible non-ASCII characters stay;
    /// everything else becomes `%XX`, as in the keys of cached functions. Add a caller's input with [`segment`], which
    /// also escapes `:`.
    ///
    /// [`segment`]: CacheKey::segment
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::CacheKey;
    ///
    /// assert_eq!(CacheKey::new("settings:theme").as_str(), "settings:theme");
    /// assert_eq!(CacheKey::new("front page").as_str(), "front%20page");
    /// ```
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        escape_manual(&mut out, text);
        if out.is_empty() {
            out.push('%'); // no other text becomes this: a `%` that is written is `%25`
        }
        Self {
            text: out,
            template: MANUAL,
        }
    }

    /// Starts a key of several segments.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::CacheKey;
    ///
    /// let key = CacheKey::of("employee").segment("resume").segment(&42);
    /// assert_eq!(key.as_str(), "employee:resume:42");
    /// ```
    #[must_use]
    pub fn of(entity: impl AsRef<str>) -> Self {
        let Self { text, .. } = Self::new(entity.as_ref());
        let template = hash_text(HASH_START, &text);
        Self { text, template }
    }

    /// Appends a segment, after a `:`.
    ///
    /// Anything that serde can serialize can be a segment. A value that its text cannot distinguish from others (NaN,
    /// or one whose `Serialize` fails) becomes a unique segment: what is stored under it is never found again, and no
    /// two such values share a key. To remove entries of such values, use a prefix.
    #[must_use]
    pub fn segment<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.literal(":");
        self.value(value);
        self
    }

    /// Starts a key whose text is escaped already.
    pub(super) fn of_escaped(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            template: hash_text(HASH_START, text),
        }
    }

    /// A unique key, for arguments that cannot be part of a key.
    pub(crate) fn unkeyable() -> Self {
        Self::of("unkeyable").segment(&f64::NAN)
    }

    /// `user:123`
    #[must_use]
    pub fn user(id: impl Serialize) -> Self {
        Self::of("user").segment(&id)
    }

    /// `user:123:roles`
    #[must_use]
    pub fn user_roles(id: impl Serialize) -> Self {
        Self::user(id).then(":roles")
    }

    /// `user:123:permissions`
    #[must_use]
    pub fn user_permissions(id: impl Serialize) -> Self {
        Self::user(id).then(":permissions")
    }

    /// `employee:list:p1:pp20`
    #[must_use]
    pub fn list_paginated(
        entity: impl AsRef<str>,
        page: impl Serialize,
        per_page: impl Serialize,
    ) -> Self {
        let mut key = Self::of(entity).then(":list:p");
        key.value(&page);
        key.literal(":pp");
        key.value(&per_page);
        key
    }

    /// `employee:search:<hash>:l50`: the text is replaced by a cryptographic hash, whatever its length, so that nobody
    /// can construct a collision.
    #[must_use]
    pub fn search(entity: impl AsRef<str>, text: impl AsRef<str>, limit: impl Serialize) -> Self {
        let mut key = Self::of(entity).then(":search:");
        let hash = blake3::hash(text.as_ref().as_bytes());
        push_hex_lower(&mut key.text, &hash.as_bytes()[..16]);
        key.template = hash_text(key.template, PLACEHOLDER);
        key.literal(":l");
        key.value(&limit);
        key
    }

    /// `dashboard:summary:123`
    #[must_use]
    pub fn dashboard(kind: impl AsRef<str>, id: impl Serialize) -> Self {
        let mut key = Self::of("dashboard");
        key.literal(":");
        let mut escaped = String::new();
        escape_manual(&mut escaped, kind.as_ref());
        key.literal(&escaped);
        key.segment(&id)
    }

    /// The text of the key. In Redis, the namespace comes before it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The hash of the template this key was made from; 0 for a key written by hand.
    #[must_use]
    pub fn template(&self) -> u64 {
        self.template
    }

    pub(super) fn rendered(text: String, template: u64) -> Self {
        Self { text, template }
    }

    fn then(mut self, literal: &str) -> Self {
        self.literal(literal);
        self
    }

    fn literal(&mut self, text: &str) {
        self.text.push_str(text);
        self.follow(text);
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let start = self.text.len();
        let mut out = KeyWriter::continuing(std::mem::take(&mut self.text));
        let result = value.write_to(&mut out);
        self.text = out.finish();
        if let Err(reason) = result {
            tracing::warn!(key = &self.text[..start], %reason, "a value cannot be written in a cache key; the key gets a unique text in its place, so the call is a miss and nothing can find its entry again");
            self.text.truncate(start);
            self.text.push_str(&never_again());
        }
        self.follow(PLACEHOLDER);
    }

    /// A key written by hand has no template, whatever is appended.
    fn follow(&mut self, text: &str) {
        if self.template != MANUAL {
            self.template = hash_text(self.template, text);
        }
    }
}

/// A unique text that no value produces. Two processes produce the same one only if their 64 random bits are equal.
fn never_again() -> String {
    static PROCESS: LazyLock<u64> =
        LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Atomic::Relaxed);
    format!("!n{:016x}{count:016x}", *PROCESS)
}

impl From<&str> for CacheKey {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for CacheKey {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&String> for CacheKey {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.text, f)
    }
}

impl PartialEq for CacheKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CacheKey {}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for CacheKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CacheKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

/// The template hash of a key written by hand: none.
const MANUAL: u64 = 0;

/// Whether two template hashes are compatible. Zero means "no template" and is compatible with all.
pub(crate) fn templates_meet(one: u64, other: u64) -> bool {
    one == other || one == 0 || other == 0
}

#[cfg(test)]
mod tests {
    use super::super::template::Template;
    use super::*;

    #[test]
    fn the_usual_keys_read_as_promised() {
        for (key, text) in [
            (CacheKey::user(123), "user:123"),
            (CacheKey::user("anna b"), "user:anna%20b"),
            (CacheKey::user_roles(123), "user:123:roles"),
            (CacheKey::user_permissions(123), "user:123:permissions"),
            (
                CacheKey::list_paginated("employee", 1, 20),
                "employee:list:p1:pp20",
            ),
            (CacheKey::dashboard("summary", 123), "dashboard:summary:123"),
            (
                CacheKey::search("employee", "John", 50),
                "employee:search:4816b80cc31734e162dbec177a7fd945:l50",
            ),
        ] {
            assert_eq!(key.as_str(), text);
        }
    }

    #[test]
    fn builders_carry_the_hash_of_the_template_that_says_the_same() {
        for (key, template) in [
            (CacheKey::user(5), Template::new(&["user:", ""])),
            (CacheKey::user_roles(5), Template::new(&["user:", ":roles"])),
            (
                CacheKey::list_paginated("employee", 1, 20),
                Template::new(&["employee:list:p", ":pp", ""]),
            ),
            (
                CacheKey::dashboard("summary", 1),
                Template::new(&["dashboard:summary:", ""]),
            ),
            (
                CacheKey::search("e", "x", 1),
                Template::new(&["e:search:", ":l", ""]),
            ),
            (
                CacheKey::of("employee").segment("a").segment(&1),
                Template::new(&["employee:", ":", ""]),
            ),
            (CacheKey::of("employee"), Template::new(&["employee"])),
        ] {
            assert_eq!(key.template(), template.hash(), "{key}");
        }
    }

    #[test]
    fn a_builder_and_a_template_meet_in_text_and_hash() {
        let built = CacheKey::of("jobs").segment(&7).segment("a:b");
        let rendered = Template::new(&["jobs:", ":", ""])
            .render(&[&7, &"a:b"])
            .unwrap();
        assert_eq!(built, rendered);
        assert_eq!(built.template(), rendered.template());
    }

    #[test]
    fn manual_keys_have_no_template_and_stay_distinct() {
        let texts = [
            "", "%", "%25", "''", "a", "a:", "a b", "a%20b", "*", ":", "\0",
        ];
        for (i, a) in texts.iter().enumerate() {
            assert_eq!(CacheKey::new(a).template(), 0);
            assert_eq!(CacheKey::new(a).segment(&1).template(), 0);
            for b in &texts[i + 1..] {
                assert_ne!(CacheKey::new(a), CacheKey::new(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_a_segment_never_occurs_twice() {
        let key = || CacheKey::of("price").segment(&f64::NAN);
        assert_ne!(key(), key());
        assert_eq!(
            key().template(),
            CacheKey::of("price").segment(&1.5).template()
        );
        assert!(key().as_str().starts_with("price:!n"));
        // A value that failed half-way leaves no partial text.
        let half = CacheKey::of("price").segment(&(1.0, f64::NAN));
        assert!(half.as_str().starts_with("price:!n"), "{half}");
    }

    #[test]
    fn equality_looks_at_the_text_alone() {
        let built = CacheKey::user(1);
        let manual = CacheKey::from("user:1");
        assert_eq!(built, manual);
        assert_ne!(built.template(), manual.template());
        assert_eq!(format!("{built} {built:?}"), "user:1 \"user:1\"");
    }
}
