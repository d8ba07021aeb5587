//! Tags and prefixes. They are escaped as keys are, so that input of a caller cannot contain a separator, and
//! different texts stay different.

use serde::Serialize;

use crate::key::cache_key::CacheKey;
use crate::key::escape::escape_manual;

/// A label by which entries can be removed, whatever their keys: `author:7`.
///
/// # Examples
///
/// ```
/// use cache_runtime::Tag;
///
/// // Written by hand: `:` separates segments, and characters that no tag contains are escaped.
/// assert_eq!(Tag::from("author:Anna B").as_str(), "author:Anna%20B");
/// // From values: the same text as `tags = ["author:<name>"]` gives.
/// assert_eq!(Tag::of("author").segment("o:brien").as_str(), "author:o%3Abrien");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub(super) text: String,
}

impl Tag {
    /// Starts a tag of several segments.
    #[must_use]
    pub fn of(entity: impl AsRef<str>) -> Self {
        Self::from(entity.as_ref())
    }

    /// Appends a segment, after a `:`. A value is written as [`CacheKey::segment`] writes it.
    #[must_use]
    pub fn segment<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let text = segment(&self.text, value);
        Self { text }
    }

    /// The text of the tag, as entries store it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self {
            text: escaped(text),
        }
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Tag {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Tag> for Tag {
    fn from(tag: &Tag) -> Self {
        tag.clone()
    }
}

impl From<&&str> for Tag {
    fn from(text: &&str) -> Self {
        Self::from(*text)
    }
}

/// A prefix of keys that are to be removed: `jobs:list:`.
///
/// # Examples
///
/// ```
/// use cache_runtime::KeyPrefix;
///
/// // Written by hand: matches by text. Without the final `:`, this would also cover `report 20245`.
/// assert_eq!(KeyPrefix::from("report 2024:").as_str(), "report%202024:");
/// // From values: everything below them, so that `user:1` never covers `user:10`.
/// assert_eq!(KeyPrefix::of("user").segment(&1).as_str(), "user:1:");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix {
    pub(super) text: String,
}

impl KeyPrefix {
    /// The prefix of all keys below this text.
    #[must_use]
    pub fn of(entity: impl AsRef<str>) -> Self {
        let text = escaped(entity.as_ref()) + ":";
        Self { text }
    }

    /// Appends a segment: the prefix of all keys below it. A value is written as [`CacheKey::segment`] writes it.
    #[must_use]
    pub fn segment<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let above = self.text.strip_suffix(':').unwrap_or(&self.text);
        let text = segment(above, value) + ":";
        Self { text }
    }

    /// The text with which the keys begin.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<&str> for KeyPrefix {
    fn from(text: &str) -> Self {
        Self {
            text: escaped(text),
        }
    }
}

impl From<String> for KeyPrefix {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for KeyPrefix {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_manual(&mut out, text);
    out
}

fn segment<T: Serialize + ?Sized>(above: &str, value: &T) -> String {
    CacheKey::of_escaped(above)
        .segment(value)
        .as_str()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::pattern::Pattern;

    #[test]
    fn a_prefix_by_hand_covers_the_keys_that_are_written_alike() {
        for name in [
            "report 2024",
            "größe",
            "a\\b",
            "100%",
            "tab\there",
            "a*b",
            "(x)",
            "O'Neil",
            "a=b,c!",
        ] {
            let key = CacheKey::new(&format!("{name}:1"));
            let pattern = Pattern::from(KeyPrefix::from(format!("{name}:")));
            assert!(pattern.matches(key.as_str(), &[] as &[&str]), "{key}");
        }
    }

    #[test]
    fn values_are_written_as_in_keys() {
        for value in ["o:brien", "Anna B", "", "1", "a%3Ab", "é"] {
            let key = CacheKey::of("author").segment(value);
            assert_eq!(Tag::of("author").segment(value).as_str(), key.as_str());
            let prefix = KeyPrefix::of("author").segment(value).segment(&2);
            assert_eq!(prefix.as_str(), format!("{key}:2:"));
        }
    }

    #[test]
    fn a_prefix_of_values_never_covers_a_longer_value() {
        let pattern = Pattern::from(KeyPrefix::of("user").segment(&1));
        assert!(pattern.matches("user:1:roles", &[] as &[&str]));
        assert!(!pattern.matches("user:10:roles", &[] as &[&str]));
    }

    #[test]
    fn the_empty_prefix_is_everything() {
        assert_eq!(Pattern::from(KeyPrefix::from("")), Pattern::all());
    }
}
