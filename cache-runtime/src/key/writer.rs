//! The text of a key while it is being written.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::ser;

use crate::key::escape::{escape_value, push_hex_lower};

/// The text of a key while it is being written.
#[derive(Debug)]
pub struct KeyWriter {
    pub(super) text: String,
}

impl KeyWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
        }
    }

    pub(super) fn continuing(text: String) -> Self {
        Self { text }
    }

    /// Appends text of the template unchanged.
    pub(super) fn literal(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends the text of a value that was rendered before.
    pub(crate) fn rendered(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Replaces a long segment by its hash, in a form that no value produces.
    ///
    /// With a hash whose collisions a caller could construct, one user could read another's entry; hence BLAKE3.
    #[inline] // it is on the path of every key
    pub(super) fn shorten(&mut self, start: usize) {
        if self.text.len() - start > MAX_SEGMENT {
            let hash = blake3::hash(&self.text.as_bytes()[start..]);
            self.text.truncate(start);
            self.text.push_str("!h");
            push_hex_lower(&mut self.text, &hash.as_bytes()[..16]);
        }
    }

    /// Writes two digits at a time: `write!` would cost more than the rest of the key.
    #[inline]
    pub(super) fn unsigned(&mut self, n: u64) {
        if n < 10 {
            self.text.push(char::from(b'0' + n as u8));
            return;
        }
        if n >= 100 {
            self.unsigned(n / 100);
        }
        let pair = (n % 100) as usize * 2;
        self.text.push_str(&PAIRS[pair..pair + 2]);
    }

    pub(super) fn signed(&mut self, n: i64) {
        if n < 0 {
            self.text.push('-');
        }
        self.unsigned(n.unsigned_abs());
    }

    pub(super) fn string(&mut self, text: &str, nested: bool) {
        if text.is_empty() || (nested && looks_like_another_type(text)) {
            self.text.push('\'');
            escape_value(&mut self.text, text);
            self.text.push('\'');
        } else {
            escape_value(&mut self.text, text);
        }
    }

    pub(super) fn name(&mut self, text: &str) {
        self.string(text, true);
    }
}

/// Why a value cannot be part of a key.
///
/// It has the size of a pointer, so that the usual `Ok(())` is returned in a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAKey(Box<Cow<'static, str>>);

impl NotAKey {
    pub(super) fn because(reason: &'static str) -> Self {
        Self(Box::new(Cow::Borrowed(reason)))
    }
}

impl Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAKey {}

impl ser::Error for NotAKey {
    fn custom<T: Display>(reason: T) -> Self {
        let reason = format!("the value refused to be serialized: {reason}");
        Self(Box::new(Cow::Owned(reason)))
    }
}

/// Whether this string, unquoted inside a compound, would look like a number or a bool.
fn looks_like_another_type(text: &str) -> bool {
    if matches!(text, "true" | "false") {
        return true;
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'-' | b'+'))
        && (unsigned.bytes().all(|b| b.is_ascii_digit()) || text.parse::<f64>().is_ok())
}

/// Longer segments are hashed, because keys are sent with every command and stored in every index.
pub(super) const MAX_SEGMENT: usize = 96;

/// The texts of 00 to 99.
const PAIRS: &str = "\
    00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748\
    4950515253545556575859606162636465666768697071727374757677787980818283848586878889909192939495969798\
    99";
