//! Checks whether a value writes what its type would read.
//!
//! `#[serde(skip_serializing_if)]`, `skip_serializing` and skipped variants write fewer fields, or other variant
//! numbers, than `Deserialize` expects. JSON handles this, because it writes names. A compact codec relies on the order alone,
//! and reads such bytes as another value.
//!
//! JSON has other gaps: `Some(None)` is written as `null`, and so are NaN and the infinities.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use serde::ser::{self, Serialize, Serializer};

/// The structs and variants that a type reads.
#[derive(Debug, Default)]
pub(super) struct Forms {
    /// The number of fields, by the name of the struct, or of the enum and variant.
    fields: HashMap<(&'static str, &'static str), Option<usize>>,
    variants: HashSet<(&'static str, usize, &'static str)>,
}

impl Forms {
    pub(super) fn add(&mut self, name: &'static str, variant: &'static str, fields: usize) {
        self.fields
            .entry((name, variant))
            .and_modify(|known| {
                // Two structs have the same name: the count does not show which one is meant.
                if *known != Some(fields) {
                    *known = None;
                }
            })
            .or_insert(Some(fields));
    }

    pub(super) fn add_variant(&mut self, name: &'static str, index: usize, variant: &'static str) {
        self.variants.insert((name, index, variant));
    }

    fn check(
        &self,
        name: &'static str,
        variant: &'static str,
        fields: usize,
    ) -> Result<(), Mismatch> {
        if self.fields.get(&(name, variant)) == Some(&Some(fields)) {
            Ok(())
        } else {
            Err(Mismatch::Form)
        }
    }

    fn check_variant(
        &self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Mismatch> {
        let index = usize::try_from(index).map_err(|_| Mismatch::Form)?;
        if self.variants.contains(&(name, index, variant)) {
            Ok(())
        } else {
            Err(Mismatch::Form)
        }
    }
}

/// The result of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The value writes what its type reads.
    Same,
    /// It writes something else, or something that the type was not seen to read.
    Other,
    /// Its `Serialize` returned an error of its own.
    Unknown,
}

/// Whether a compact codec would read `value` back unchanged. Walks through it as the codec would, without writing anything.
pub(super) fn compare<T: Serialize>(value: &T, forms: &Forms) -> Verdict {
    verdict(value.serialize(Check {
        forms: Some(forms),
        in_some: false,
    }))
}

/// Whether JSON would read `value` back unchanged.
pub(super) fn compare_json<T: Serialize>(value: &T) -> Verdict {
    verdict(value.serialize(Check {
        forms: None,
        in_some: false,
    }))
}

fn verdict(checked: Checked) -> Verdict {
    match checked {
        Ok(()) => Verdict::Same,
        Err(Mismatch::Form) => Verdict::Other,
        Err(Mismatch::Refused) => Verdict::Unknown,
    }
}

#[derive(Debug)]
enum Mismatch {
    Form,
    Refused,
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the `Serialize` of the type writes something else than its `Deserialize` reads",
        )
    }
}

impl std::error::Error for Mismatch {}

impl ser::Error for Mismatch {
    fn custom<T: Display>(_: T) -> Self {
        Self::Refused
    }
}

/// A place in the value. With `forms` it is checked for a compact codec, else for JSON.
#[derive(Clone, Copy)]
struct Check<'a> {
    forms: Option<&'a Forms>,
    in_some: bool,
}

impl<'a> Check<'a> {
    fn inside(self) -> Self {
        Self {
            in_some: false,
            ..self
        }
    }

    fn fields(
        self,
        name: &'static str,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, Mismatch> {
        self.forms
            .map_or(Ok(()), |forms| forms.check(name, variant, len))?;
        Ok(self.inside())
    }

    fn variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Self, Mismatch> {
        self.forms
            .map_or(Ok(()), |forms| forms.check_variant(name, index, variant))?;
        Ok(self.inside())
    }

    /// `null`, which inside `Some` reads back as `None`.
    fn null(self) -> Checked {
        if self.forms.is_none() && self.in_some {
            Err(Mismatch::Form)
        } else {
            Ok(())
        }
    }

    fn float(self, finite: bool) -> Checked {
        if self.forms.is_none() && !finite {
            Err(Mismatch::Form)
        } else {
            Ok(())
        }
    }
}

type Checked = Result<(), Mismatch>;

macro_rules! fine {
    ($($method:ident($value:ty))*) => {
        $(
            fn $method(self, _: $value) -> Checked {
                Ok(())
            }
        )*
    };
}

impl<'a> Serializer for Check<'a> {
    type Ok = ();
    type Error = Mismatch;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fine! {
        serialize_bool(bool)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
    }

    fn serialize_f32(self, value: f32) -> Checked {
        self.float(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Checked {
        self.float(value.is_finite())
    }

    fn serialize_none(self) -> Checked {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(Self {
            in_some: true,
            ..self
        })
    }

    fn serialize_unit(self) -> Checked {
        self.null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Checked {
        self.null()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Checked {
        self.variant(name, index, variant).map(drop)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self.variant(name, index, variant)?)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Mismatch> {
        Ok(self.inside())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Mismatch> {
        Ok(self.inside())
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self, Mismatch> {
        self.fields(name, "", len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, Mismatch> {
        self.variant(name, index, variant)?
            .fields(name, variant, len)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Mismatch> {
        Ok(self.inside())
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self, Mismatch> {
        self.fields(name, "", len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, Mismatch> {
        self.serialize_tuple_variant(name, index, variant, len)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Checked {
        Ok(())
    }

    fn is_human_readable(&self) -> bool {
        self.forms.is_none()
    }
}

macro_rules! walk {
    ($($trait:ident::$method:ident($($name:ty)?);)*) => {
        $(
            impl ser::$trait for Check<'_> {
                type Ok = ();
                type Error = Mismatch;

                fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Checked {
                    value.serialize(*self)
                }

                fn end(self) -> Checked {
                    Ok(())
                }
            }
        )*
    };
}

walk! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(&'static str);
    SerializeStructVariant::serialize_field(&'static str);
}

impl ser::SerializeMap for Check<'_> {
    type Ok = ();
    type Error = Mismatch;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Checked {
        key.serialize(*self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        value.serialize(*self)
    }

    fn end(self) -> Checked {
        Ok(())
    }
}
