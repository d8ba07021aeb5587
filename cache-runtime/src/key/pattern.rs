//! Patterns of removals: a key, a subtree, a glob, a tag.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::key::cache_key::CacheKey;
use crate::key::escape::escape_manual;
use crate::key::typed::{KeyPrefix, Tag};

/// A pattern that names the entries a removal covers.
///
/// | text | names |
/// |---|---|
/// | `jobs:stats` | that key and everything below it, never `jobs:statsx` |
/// | `jobs:` or `jobs:*` | everything below it |
/// | `jobs:li*` | every key that starts with `jobs:li` |
/// | `*` | everything |
/// | `user:*:roles` | a glob: `*` is any text, `:` included |
/// | `=jobs:stats` | that key alone |
/// | `#author:7` | every entry with this tag |
/// | `#author:` or `#author:*` | every entry with a tag that starts with `author:` |
///
/// `Display` writes the same syntax.
///
/// # Examples
///
/// ```
/// use cache_runtime::Pattern;
///
/// let pattern: Pattern = "user:1".parse()?;
/// assert!(pattern.matches("user:1:roles", &[] as &[&str]));
/// assert!(!pattern.matches("user:10", &[] as &[&str]));
/// # Ok::<(), cache_runtime::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pattern {
    /// One key.
    Key(String),
    /// A key and everything below it, that is, every key that continues with a `:`.
    Subtree(String),
    /// Every key that starts with the text; the empty text covers everything.
    Prefix(String),
    /// Every key that the glob matches.
    Glob(Glob),
    /// Every entry with this tag.
    Tag(String),
    /// Every entry with a tag that starts with the text.
    TagPrefix(String),
    /// Every entry with all of these tags.
    AllTags(Vec<String>),
}

impl From<Tag> for Pattern {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag.text)
    }
}

impl From<KeyPrefix> for Pattern {
    fn from(prefix: KeyPrefix) -> Self {
        Self::Prefix(prefix.text)
    }
}

impl Pattern {
    /// Parses a pattern, as the table above describes.
    ///
    /// # Errors
    ///
    /// The text is empty, or contains `?`, `[`, `]`, `<`, `>`, a control character, white space, a `%` that begins no
    /// escape, or a `*` inside a tag. No key contains these, so the pattern would not match what was meant.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let refuse = |why| {
            Err(PatternError {
                text: text.to_owned(),
                why,
            })
        };
        if text.is_empty() {
            return refuse(Reason::Empty);
        }
        if matches!(text, "#" | "=" | "#=") {
            return refuse(Reason::MarkAlone);
        }
        if let Some(c) = text.chars().find(|c| matches!(c, '?' | '[' | ']')) {
            return refuse(Reason::OtherGlob(c));
        }
        if text.contains(['<', '>']) {
            return refuse(Reason::Placeholder);
        }
        if text.chars().any(char::is_control) {
            return refuse(Reason::Control);
        }
        if text.contains(char::is_whitespace) {
            return refuse(Reason::Space);
        }
        // A lone `%` is the key of an empty text.
        let is_empty_key = text == "=%";
        if !is_empty_key && !text.split('%').skip(1).all(starts_with_an_escape) {
            return refuse(Reason::Percent);
        }
        let stars_in_tag = text.starts_with('#') && text.trim_end_matches('*').contains('*');
        if stars_in_tag || (text.starts_with('=') && text.contains('*')) {
            return refuse(Reason::StarInside);
        }
        Ok(Self::classify(text))
    }

    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::Prefix(String::new())
    }

    /// One key, and nothing below it.
    #[must_use]
    pub fn key(key: &CacheKey) -> Self {
        Self::Key(key.as_str().to_owned())
    }

    /// Every entry with this tag.
    #[must_use]
    pub fn tag(tag: impl Into<Tag>) -> Self {
        tag.into().into()
    }

    /// Every entry with all of these tags. For one tag, this is [`Pattern::tag`]. For no tags, it does not cover
    /// everything: it names a tag that no entry has.
    #[must_use]
    pub fn all_tags<T: Into<Tag>>(tags: impl IntoIterator<Item = T>) -> Self {
        let tags = tags.into_iter().map(|tag| tag.into().as_str().to_owned());
        Self::with_all(tags.collect())
    }

    fn with_all(mut all: Vec<String>) -> Self {
        all.sort_unstable();
        all.dedup();
        if all.len() > 1 {
            Self::AllTags(all)
        } else {
            Self::Tag(all.pop().unwrap_or_default())
        }
    }

    /// Whether the pattern covers an entry with this key and these tags.
    #[must_use]
    pub fn matches(&self, key: &str, tags: &[impl AsRef<str>]) -> bool {
        let mut tags = tags.iter().map(AsRef::as_ref);
        match self {
            Self::Key(text) => key == text,
            Self::Subtree(text) => is_at_or_below(key, text),
            Self::Prefix(text) => key.starts_with(text.as_str()),
            Self::Glob(glob) => glob.matches(key),
            Self::Tag(text) => tags.any(|tag| tag == text),
            Self::AllTags(all) => {
                let tags: Vec<&str> = tags.collect();
                all.iter().all(|tag| tags.contains(&tag.as_str()))
            }
            Self::TagPrefix(text) => tags.any(|tag| tag.starts_with(text.as_str())),
        }
    }

    /// Whether this pattern covers every entry that `other` covers.
    ///
    /// `false` may also mean "not known".
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if matches!(self, Self::Prefix(text) if text.is_empty()) {
            return true; // whatever else an entry has, it has a key
        }
        match (self, other) {
            (Self::Key(a), Self::Key(b)) | (Self::Tag(a), Self::Tag(b)) => a == b,
            (Self::TagPrefix(a), Self::Tag(b) | Self::TagPrefix(b)) => b.starts_with(a.as_str()),
            (Self::Tag(a), Self::AllTags(all)) => all.contains(a),
            (Self::TagPrefix(a), Self::AllTags(all)) => {
                all.iter().any(|tag| tag.starts_with(a.as_str()))
            }
            (Self::AllTags(a), Self::AllTags(b)) => a.iter().all(|tag| b.contains(tag)),
            (Self::Subtree(a), Self::Key(b) | Self::Subtree(b)) => is_at_or_below(b, a),
            (Self::Subtree(a), Self::Prefix(_) | Self::Glob(_)) => {
                // The text after the literal part is unknown, so the literal part must already contain the `:`.
                other
                    .scan_prefix()
                    .is_some_and(|b| b.len() > a.len() && is_at_or_below(b, a))
            }
            (Self::Prefix(a), _) => other
                .scan_prefix()
                .is_some_and(|b| b.starts_with(a.as_str())),
            (Self::Glob(a), Self::Key(b)) => a.matches(b),
            (Self::Glob(a), Self::Subtree(b) | Self::Prefix(b)) => {
                a.text.ends_with('*') && a.matches(b)
            }
            // A `*` of `b` can only be matched by a `*` of `a`, which then matches whatever text the `*` of `b` stands
            // for.
            (Self::Glob(a), Self::Glob(b)) => a.matches(&b.text),
            _ => false,
        }
    }

    /// Whether the pattern amounts to a clear, because it contains no text of a key or a tag, only `*` and `:`.
    ///
    /// This is true of `*`, `**:**`, `:*` and `#*`: do not let a user remove by them who may not clear the cache. It
    /// is not true of `*a*`, although many keys contain an `a`; count what a pattern covers before you use it.
    ///
    /// ```
    /// use cache_runtime::Pattern;
    ///
    /// assert!(Pattern::parse("*:*")?.is_clear());
    /// assert!(!Pattern::parse("*:roles")?.is_clear());
    /// # Ok::<(), cache_runtime::PatternError>(())
    /// ```
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let text = match self {
            Self::Subtree(text) | Self::Prefix(text) | Self::TagPrefix(text) => text,
            Self::Glob(glob) => &glob.text,
            Self::Key(_) | Self::Tag(_) | Self::AllTags(_) => return false,
        };
        text.bytes().all(|byte| matches!(byte, b'*' | b':'))
    }

    /// The text that every matching key starts with, possibly empty; `None` for tags, which do not depend on the key.
    #[must_use]
    pub fn scan_prefix(&self) -> Option<&str> {
        match self {
            Self::Key(text) | Self::Subtree(text) | Self::Prefix(text) => Some(text),
            Self::Glob(glob) => Some(glob.literal_prefix()),
            Self::Tag(_) | Self::TagPrefix(_) | Self::AllTags(_) => None,
        }
    }

    /// The serialized form: one character for the kind, then the text. It contains no control character except the
    /// separator between the tags of [`Pattern::AllTags`].
    pub(crate) fn to_wire(&self) -> String {
        let (kind, text) = match self {
            Self::Key(text) => ('k', text.as_str()),
            Self::Subtree(text) => ('s', text.as_str()),
            Self::Prefix(text) => ('p', text.as_str()),
            Self::Glob(glob) => ('g', glob.text.as_str()),
            Self::Tag(text) => ('t', text.as_str()),
            Self::TagPrefix(text) => ('u', text.as_str()),
            Self::AllTags(all) => return format!("a{}", all.join("\u{1f}")),
        };
        let mut wire = String::with_capacity(1 + text.len());
        wire.push(kind);
        wire.push_str(text);
        wire
    }

    /// Parses the output of [`Pattern::to_wire`]; `None` for anything else.
    pub(crate) fn from_wire(wire: &str) -> Option<Self> {
        let mut chars = wire.chars();
        let kind = chars.next()?;
        let text = chars.as_str().to_owned();
        Some(match kind {
            'k' => Self::Key(text),
            's' => Self::Subtree(text),
            'p' => Self::Prefix(text),
            'g' => Self::Glob(Glob { text }),
            't' => Self::Tag(text),
            'u' => Self::TagPrefix(text),
            'a' => Self::AllTags(text.split('\u{1f}').map(str::to_owned).collect()),
            _ => return None,
        })
    }

    /// Parses any text as a pattern.
    ///
    /// If the text is malformed, the pattern covers more rather than less: a removal may remove too much, never too
    /// little.
    pub(super) fn classify(text: &str) -> Self {
        if let Some(tag) = text.strip_prefix('#') {
            if tag.contains("+#") {
                return Self::with_all(tag.split("+#").map(str::to_owned).collect());
            }
            return match (tag.strip_prefix('='), tag.split_once('*')) {
                (_, Some((before, _))) => Self::TagPrefix(before.to_owned()),
                (Some(exact), None) => Self::Tag(exact.to_owned()),
                (None, None) if tag.ends_with(':') => Self::TagPrefix(tag.to_owned()),
                (None, None) => Self::Tag(tag.to_owned()),
            };
        }
        if let Some(exact) = text.strip_prefix('=') {
            return Self::Key(exact.to_owned());
        }
        match text {
            _ if text.contains('*') => Self::starred(text),
            _ if text.is_empty() || text.ends_with(':') => Self::Prefix(text.to_owned()),
            _ => Self::Subtree(text.to_owned()),
        }
    }

    /// A pattern that covers everything that starts with an incomplete text.
    pub(super) fn widen(text: &str) -> Self {
        if let Some(tag) = text.strip_prefix('#') {
            let tag = tag.strip_prefix('=').unwrap_or(tag);
            let before = tag.split_once('*').map_or(tag, |(before, _)| before);
            return Self::TagPrefix(before.to_owned());
        }
        let text = text.strip_prefix('=').unwrap_or(text);
        Self::starred(&format!("{text}*"))
    }

    /// A glob, or a prefix if the only `*` are at the end.
    pub(super) fn starred(text: &str) -> Self {
        match text.split_once('*') {
            Some((before, after)) if after.bytes().all(|byte| byte == b'*') => {
                Self::Prefix(before.to_owned())
            }
            _ => Self::Glob(Glob::new(text)),
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Pattern {
    type Error = PatternError;

    fn try_from(text: &str) -> Result<Self, PatternError> {
        Self::parse(text)
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(text) => write!(f, "={text}"),
            Self::Subtree(text) => f.write_str(text),
            Self::Prefix(text) if text.ends_with(':') => f.write_str(text),
            Self::Prefix(text) => write!(f, "{text}*"),
            Self::Glob(glob) => Display::fmt(glob, f),
            Self::Tag(text) if text.ends_with(':') || text.starts_with('=') => {
                write!(f, "#={text}")
            }
            Self::Tag(text) => write!(f, "#{text}"),
            Self::TagPrefix(text) => write!(f, "#{text}*"),
            Self::AllTags(all) => write!(f, "#{}", all.join("+#")),
        }
    }
}

/// A text in which `*` stands for any text, including `:` and the empty text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob {
    text: String,
}

impl Glob {
    /// Merges consecutive `*` into one, and adds a `*` after a final `:`: `user:*:` covers everything below it, as
    /// `jobs:` does.
    fn new(pattern: &str) -> Self {
        let mut text = String::with_capacity(pattern.len() + 1);
        for c in pattern.chars() {
            if c != '*' || !text.ends_with('*') {
                text.push(c);
            }
        }
        if text.ends_with(':') {
            text.push('*');
        }
        Self { text }
    }

    /// The text before the first `*`.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Whether the whole of `key` matches.
    ///
    /// On a mismatch, only the last `*` is extended: if the text after it occurs at all, an earlier `*` need not be
    /// extended.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        let (pattern, key) = (self.text.as_bytes(), key.as_bytes());
        let (mut p, mut k) = (0, 0);
        let mut retry = None; // where to go on, should what follows the last `*` not fit
        while k < key.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p + 1, k));
                    p += 1;
                }
                Some(&byte) if byte == key[k] => {
                    p += 1;
                    k += 1;
                }
                _ => match retry {
                    Some((after_star, from)) => {
                        p = after_star;
                        k = from + 1;
                        retry = Some((after_star, k));
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|&byte| byte == b'*')
    }
}

impl Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a valid pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    text: String,
    why: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Empty,
    MarkAlone,
    OtherGlob(char),
    Placeholder,
    Control,
    Space,
    Percent,
    StarInside,
}

impl Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.why {
            Reason::Empty => f.write_str("the pattern is empty; write `*` to remove everything"),
            Reason::MarkAlone => write!(
                f,
                "the pattern `{text}` names nothing; write a tag after `#`, or a key after `=`"
            ),
            Reason::OtherGlob(c) => write!(
                f,
                "`{c}` is not supported in the pattern {text:?}; `*` matches any text, and a `{c}` that is part of a key is written as its escape `%{:02X}`",
                u32::from(c)
            ),
            Reason::Placeholder => write!(
                f,
                "the pattern {text:?} contains `<` or `>`, which no key contains; placeholders are for `#[cached(invalidates = …)]` only"
            ),
            Reason::Control => write!(
                f,
                "the pattern {text:?} contains a control character, which no key contains"
            ),
            Reason::Space => {
                let escaped = written(text, |c, _| c.is_whitespace());
                write!(
                    f,
                    "the pattern {text:?} contains white space, which no key contains; write its escape, as keys do: {escaped:?}"
                )
            }
            Reason::Percent => {
                let escaped = written(text, |c, rest| c == '%' && !starts_with_an_escape(rest));
                write!(
                    f,
                    "the pattern {text:?} contains a `%` that begins no escape (`%` and two digits of 0-9 and A-F); write a `%` that \
                     is part of a key as `%25`: {escaped:?}"
                )
            }
            Reason::StarInside => write!(
                f,
                "the pattern {text:?} contains a `*` where none is allowed: in a tag it may only be the last character, and a pattern with `=` names one key"
            ),
        }
    }
}

impl std::error::Error for PatternError {}

/// The text as it has to be written in a pattern: with each character escaped for which `is_escaped` is true. It gets
/// the character and the text after it.
fn written(text: &str, is_escaped: impl Fn(char, &str) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        if is_escaped(c, &text[at + c.len_utf8()..]) {
            escape_manual(&mut escaped, c.encode_utf8(&mut [0; 4]));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Whether the text completes an escape after its `%`.
fn starts_with_an_escape(text: &str) -> bool {
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    text.as_bytes()
        .first_chunk::<2>()
        .is_some_and(|digits| digits.iter().all(digit))
}

/// Whether `key` is `top`, or continues it with a `:`.
fn is_at_or_below(key: &str, top: &str) -> bool {
    key.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests;
