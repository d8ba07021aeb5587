//! Values into key text: readable, and injective for each type.
//!
//! | value | text |
//! |---|---|
//! | integers, bools | `42`, `-7`, `true` |
//! | floats | `1.5`, `2.0`, `1e-7`; infinities `!inf`, `!-inf`; NaN is no key |
//! | strings, chars | escaped; the empty one is `''`; inside compounds, what looks like a number or bool is quoted: `'1'` |
//! | bytes | `!x00ff` |
//! | `None`, `Some(x)` | `~`, and `x` itself; `Some(None)` is `~~` |
//! | `()` and unit structs | `!` |
//! | sequences, tuples | `(1,2)` |
//! | maps, structs | `{a=1,b=2}`; maps sorted |
//! | enum variants | `$Name`, `$Name(1,2)`, `$Name{a=1}` |
//! | newtype structs | their content |
//! | more than 96 bytes | `!h` and 128 bits of BLAKE3 in hex |
//!
//! The marks `~ ! $ ' ( ) { } , =` are escaped in every string, so nothing but
//! the form itself can produce it.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize, Serializer};

use super::escape::{escape_value, push_hex_lower};

/// Anything serde can serialize is a part of a key.
///
/// Object safe, so that a template of several placeholders takes a slice.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "this value cannot become text",
    note = "a part of a key is `serde::Serialize`: numbers, strings, UUIDs, tuples, or what derives it",
    note = "an argument that does not shape the result is left out with `skip(…)`"
)]
pub trait KeyPart {
    /// Appends this value's text.
    ///
    /// # Errors
    ///
    /// When the value cannot be told apart from others by its text, such as NaN.
    fn write_to(&self, out: &mut KeyWriter) -> Result<(), NotAKey>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {
    fn write_to(&self, out: &mut KeyWriter) -> Result<(), NotAKey> {
        let start = out.text.len();
        self.serialize(Value {
            out,
            depth: 0,
            nested: false,
        })?;
        out.shorten(start);
        Ok(())
    }
}

/// The text of a key while it is being written.
#[derive(Debug)]
pub struct KeyWriter {
    text: String,
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

    /// Appends text of the template, verbatim.
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

    /// Replaces a long segment by its hash, in a form that no value has.
    ///
    /// A hash whose collisions a caller could construct would let one user
    /// read another's entry, hence BLAKE3.
    fn shorten(&mut self, start: usize) {
        if self.text.len() - start > MAX_SEGMENT {
            let hash = blake3::hash(&self.text.as_bytes()[start..]);
            self.text.truncate(start);
            self.text.push_str("!h");
            push_hex_lower(&mut self.text, &hash.as_bytes()[..16]);
        }
    }

    fn unsigned(&mut self, mut n: u64) {
        // `write!` costs more than all the rest of a short key.
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        for &digit in &digits[at..] {
            self.text.push(char::from(digit));
        }
    }

    fn signed(&mut self, n: i64) {
        if n < 0 {
            self.text.push('-');
        }
        self.unsigned(n.unsigned_abs());
    }

    fn string(&mut self, text: &str, nested: bool) {
        if text.is_empty() || (nested && looks_like_another_type(text)) {
            self.text.push('\'');
            escape_value(&mut self.text, text);
            self.text.push('\'');
        } else {
            escape_value(&mut self.text, text);
        }
    }

    fn name(&mut self, text: &str) {
        self.string(text, true);
    }
}

/// Why a value cannot be part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAKey(Cow<'static, str>);

impl NotAKey {
    pub(super) const fn because(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
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
        Self(Cow::Owned(format!(
            "the value refused to be serialized: {reason}"
        )))
    }
}

/// Would this string, unquoted inside a compound, read as a number or a bool?
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

/// One value, at the top of its placeholder or inside a compound.
struct Value<'a> {
    out: &'a mut KeyWriter,
    depth: u8,
    nested: bool,
}

impl<'a> Value<'a> {
    /// The same place, one step further in: recursion has an end.
    fn inner(self) -> Result<Self, NotAKey> {
        if self.depth >= MAX_DEPTH {
            return Err(NotAKey::because(
                "a value nested more than 64 levels deep cannot be part of a key",
            ));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn open(self, bracket: char) -> Result<Compound<'a>, NotAKey> {
        let Self { out, depth, .. } = self.inner()?;
        out.text.push(bracket);
        let close = if bracket == '(' { ')' } else { '}' };
        Ok(Compound {
            out,
            depth,
            first: true,
            close,
        })
    }

    fn variant(&mut self, name: &str) {
        self.out.text.push('$');
        self.out.name(name);
    }

    fn float(self, n: f64, shortest: impl Display) -> Result<(), NotAKey> {
        if n.is_nan() {
            return Err(NotAKey::because(
                "NaN cannot be part of a key: it is not even equal to itself",
            ));
        }
        let text = &mut self.out.text;
        if n.is_infinite() {
            text.push_str(if n > 0.0 { "!inf" } else { "!-inf" });
        } else if n == 0.0 {
            text.push_str("0.0"); // 0.0 == -0.0, so they are one argument
        } else {
            write_text(text, shortest);
        }
        Ok(())
    }
}

/// Writing into a `String` has no way to fail.
fn write_text(out: &mut String, value: impl Display) {
    let _ = write!(out, "{value}");
}

/// Shortest text that reads back as the same float, always with `.` or `e`.
struct Shortest<T>(T);

impl<T: fmt::Debug> Display for Shortest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<'a> Serializer for Value<'a> {
    type Ok = ();
    type Error = NotAKey;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    fn serialize_bool(self, v: bool) -> Result<(), NotAKey> {
        self.out.text.push_str(if v { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, v: i8) -> Result<(), NotAKey> {
        self.serialize_i64(v.into())
    }

    fn serialize_i16(self, v: i16) -> Result<(), NotAKey> {
        self.serialize_i64(v.into())
    }

    fn serialize_i32(self, v: i32) -> Result<(), NotAKey> {
        self.serialize_i64(v.into())
    }

    fn serialize_i64(self, v: i64) -> Result<(), NotAKey> {
        self.out.signed(v);
        Ok(())
    }

    fn serialize_i128(self, v: i128) -> Result<(), NotAKey> {
        write_text(&mut self.out.text, v);
        Ok(())
    }

    fn serialize_u8(self, v: u8) -> Result<(), NotAKey> {
        self.serialize_u64(v.into())
    }

    fn serialize_u16(self, v: u16) -> Result<(), NotAKey> {
        self.serialize_u64(v.into())
    }

    fn serialize_u32(self, v: u32) -> Result<(), NotAKey> {
        self.serialize_u64(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result<(), NotAKey> {
        self.out.unsigned(v);
        Ok(())
    }

    fn serialize_u128(self, v: u128) -> Result<(), NotAKey> {
        write_text(&mut self.out.text, v);
        Ok(())
    }

    fn serialize_f32(self, v: f32) -> Result<(), NotAKey> {
        self.float(v.into(), Shortest(v))
    }

    fn serialize_f64(self, v: f64) -> Result<(), NotAKey> {
        self.float(v, Shortest(v))
    }

    fn serialize_char(self, v: char) -> Result<(), NotAKey> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<(), NotAKey> {
        self.out.string(v, self.nested);
        Ok(())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<(), NotAKey> {
        self.out.text.push_str("!x");
        push_hex_lower(&mut self.out.text, v);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), NotAKey> {
        self.out.text.push('~');
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotAKey> {
        let Self { out, depth, nested } = self.inner()?;
        let start = out.text.len();
        value.serialize(Value {
            out: &mut *out,
            depth,
            nested,
        })?;
        // `Some(x)` is `x`, but `Some(None)` must not be `None`.
        if out.text.as_bytes()[start..]
            .iter()
            .all(|&byte| byte == b'~')
        {
            out.text.push('~');
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), NotAKey> {
        self.out.text.push('!');
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotAKey> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), NotAKey> {
        self.variant(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotAKey> {
        value.serialize(self.inner()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotAKey> {
        self.variant(variant);
        let mut content = self.open('(')?;
        content.item(value)?;
        content.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, NotAKey> {
        self.open('(')
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, NotAKey> {
        self.open('(')
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, NotAKey> {
        self.open('(')
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, NotAKey> {
        self.variant(variant);
        self.open('(')
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, NotAKey> {
        let start = self.out.text.len();
        let Compound { out, depth, .. } = self.open('{')?;
        Ok(Entries {
            out,
            depth,
            start,
            entries: Vec::new(),
            key: 0..0,
        })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, NotAKey> {
        self.open('{')
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, NotAKey> {
        self.variant(variant);
        self.open('{')
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

/// A sequence, tuple, struct or variant being written.
struct Compound<'a> {
    out: &'a mut KeyWriter,
    depth: u8,
    first: bool,
    close: char,
}

impl Compound<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.text.push(',');
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
        self.separate();
        value.serialize(Value {
            out: &mut *self.out,
            depth: self.depth,
            nested: true,
        })
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), NotAKey> {
        self.separate();
        self.out.name(name);
        self.out.text.push('=');
        value.serialize(Value {
            out: &mut *self.out,
            depth: self.depth,
            nested: true,
        })
    }

    fn close(self) -> Result<(), NotAKey> {
        self.out.text.push(self.close);
        Ok(())
    }
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = ();
    type Error = NotAKey;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotAKey> {
        self.close()
    }
}

impl ser::SerializeTuple for Compound<'_> {
    type Ok = ();
    type Error = NotAKey;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotAKey> {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Compound<'_> {
    type Ok = ();
    type Error = NotAKey;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotAKey> {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Compound<'_> {
    type Ok = ();
    type Error = NotAKey;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotAKey> {
        self.close()
    }
}

impl ser::SerializeStruct for Compound<'_> {
    type Ok = ();
    type Error = NotAKey;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotAKey> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), NotAKey> {
        self.close()
    }
}

impl ser::SerializeStructVariant for Compound<'_> {
    type Ok = ();
    type Error = NotAKey;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotAKey> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), NotAKey> {
        self.close()
    }
}

/// A map being written: its entries are put in order at the end, because a
/// `HashMap` has none of its own.
struct Entries<'a> {
    out: &'a mut KeyWriter,
    depth: u8,
    start: usize,
    entries: Vec<Entry>,
    key: std::ops::Range<usize>,
}

struct Entry {
    key: std::ops::Range<usize>,
    value: std::ops::Range<usize>,
}

impl Entries<'_> {
    fn write<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<std::ops::Range<usize>, NotAKey> {
        let from = self.out.text.len();
        value.serialize(Value {
            out: &mut *self.out,
            depth: self.depth,
            nested: true,
        })?;
        Ok(from..self.out.text.len())
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = NotAKey;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotAKey> {
        self.key = self.write(key)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
        let value = self.write(value)?;
        let key = std::mem::replace(&mut self.key, 0..0);
        self.entries.push(Entry { key, value });
        Ok(())
    }

    fn end(mut self) -> Result<(), NotAKey> {
        let written = self.out.text.split_off(self.start);
        let of = |range: &std::ops::Range<usize>| {
            &written[range.start - self.start..range.end - self.start]
        };
        self.entries.sort_by(|a, b| of(&a.key).cmp(of(&b.key)));
        let out = &mut self.out.text;
        out.push('{');
        for (i, entry) in self.entries.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str(of(&entry.key));
            out.push('=');
            out.push_str(of(&entry.value));
        }
        out.push('}');
        Ok(())
    }
}

/// Longer segments are hashed: keys travel with every command, and stay in
/// every index.
const MAX_SEGMENT: usize = 96;

/// Deep enough for any argument that a person would write.
const MAX_DEPTH: u8 = 64;
