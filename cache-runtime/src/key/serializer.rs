//! Serializes values to key text that is readable, and injective for each type.
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
//! The marks `~ ! $ ' ( ) { } , =` are escaped in every string, so only the form itself can produce them.

mod compound;

use std::fmt::{self, Display, Write as _};

use serde::ser::{Serialize, Serializer};

use crate::key::escape::push_hex_lower;
use crate::key::writer::{KeyWriter, NotAKey};
use compound::{Compound, Entries};

/// Appends the text of `value` to `out`.
pub(super) fn serialize_into<T: Serialize + ?Sized>(
    value: &T,
    out: &mut KeyWriter,
) -> Result<(), NotAKey> {
    value.serialize(Value {
        out,
        depth: 0,
        nested: false,
    })
}

/// A value, directly in its placeholder or inside a compound.
struct Value<'a> {
    out: &'a mut KeyWriter,
    depth: u8,
    nested: bool,
}

impl<'a> Value<'a> {
    /// The same place, one level deeper; fails at the maximum depth.
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
        Ok(Compound::open(out, depth, bracket))
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

/// Writing to a `String` cannot fail.
fn write_text(out: &mut String, value: impl Display) {
    let _ = write!(out, "{value}");
}

/// The shortest text that reads back as the same float, always with `.` or `e`.
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
        let Self { out, depth, .. } = self.inner()?;
        Ok(Entries::open(out, depth))
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

/// Deeper than any argument that a person would write.
const MAX_DEPTH: u8 = 64;

#[cfg(test)]
mod tests;
