//! The elements of a list in a placeholder of a pattern or tag.
//!
//! A pattern such as `row:<ids>` with a list of ids is meant for the entries of each of them. So every element is rendered as if
//! it stood in the placeholder alone. Keys do not need this: a trait of its own keeps its code out of functions without patterns.

use serde::ser::{
    Impossible, Serialize, SerializeSeq, SerializeTuple, SerializeTupleStruct, Serializer,
};

use crate::key::part::KeyPart;
use crate::key::serializer::serialize_into;
use crate::key::writer::{KeyWriter, NotAKey};

/// A value in a placeholder of a pattern or tag.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "this value cannot become text",
    note = "a part of a pattern or tag is `serde::Serialize`, as a part of a key is: numbers, strings, UUIDs, tuples, lists, or what derives it"
)]
pub trait PatternPart: KeyPart {
    /// The text of each element, if this is a list: a sequence, an array or a tuple.
    fn elements(&self) -> Option<Vec<String>>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> PatternPart for T {
    fn elements(&self) -> Option<Vec<String>> {
        elements(self)
    }
}

/// The texts of the elements of a sequence, array or tuple, also inside `Some` or a newtype. `None`: it is none of these, or
/// an element has no text.
fn elements<T: Serialize + ?Sized>(value: &T) -> Option<Vec<String>> {
    value.serialize(List).ok().flatten()
}

/// Finds the elements of one value.
struct List;

/// The elements so far.
#[derive(Default)]
struct Texts(Vec<String>);

impl Texts {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
        let mut out = KeyWriter::with_capacity(16);
        serialize_into(value, &mut out)?;
        out.shorten(0);
        self.0.push(out.finish());
        Ok(())
    }
}

macro_rules! lists {
    ($($list:ident :: $add:ident)*) => {$(
        impl $list for Texts {
            type Ok = Option<Vec<String>>;
            type Error = NotAKey;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
                self.add(value)
            }

            fn end(self) -> Result<Option<Vec<String>>, NotAKey> {
                Ok(Some(self.0))
            }
        }
    )*};
}

lists! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
}

/// Values that are no lists.
macro_rules! no_lists {
    ($($method:ident($($argument:ty),*))*) => {$(
        fn $method(self $(, _: $argument)*) -> Result<Self::Ok, NotAKey> {
            Ok(None)
        }
    )*};
}

impl Serializer for List {
    type Ok = Option<Vec<String>>;
    type Error = NotAKey;
    type SerializeSeq = Texts;
    type SerializeTuple = Texts;
    type SerializeTupleStruct = Texts;
    type SerializeTupleVariant = Impossible<Self::Ok, NotAKey>;
    type SerializeMap = Impossible<Self::Ok, NotAKey>;
    type SerializeStruct = Impossible<Self::Ok, NotAKey>;
    type SerializeStructVariant = Impossible<Self::Ok, NotAKey>;

    no_lists! {
        serialize_bool(bool)
        serialize_i8(i8)
        serialize_i16(i16)
        serialize_i32(i32)
        serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8)
        serialize_u16(u16)
        serialize_u32(u32)
        serialize_u64(u64)
        serialize_u128(u128)
        serialize_f32(f32)
        serialize_f64(f64)
        serialize_char(char)
        serialize_str(&str)
        serialize_bytes(&[u8])
        serialize_none()
        serialize_unit()
        serialize_unit_struct(&'static str)
        serialize_unit_variant(&'static str, u32, &'static str)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, NotAKey> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Self::Ok, NotAKey> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Self::Ok, NotAKey> {
        Ok(None)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Texts, NotAKey> {
        Ok(Texts::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Texts, NotAKey> {
        Ok(Texts::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Texts, NotAKey> {
        Ok(Texts::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotAKey> {
        Err(no_list())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotAKey> {
        Err(no_list())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, NotAKey> {
        Err(no_list())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotAKey> {
        Err(no_list())
    }

    // The display form is written as a string, which is no list; it need not be made.
    fn collect_str<T: std::fmt::Display + ?Sized>(self, _: &T) -> Result<Self::Ok, NotAKey> {
        Ok(None)
    }
}

fn no_list() -> NotAKey {
    NotAKey::because("this is no list")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Ids(Vec<u32>);

    #[derive(Serialize)]
    struct Pair(u32, &'static str);

    #[derive(Serialize)]
    struct Page {
        ids: Vec<u32>,
    }

    #[test]
    fn lists_have_elements_as_they_would_be_written_alone() {
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(elements(&vec![1, 2]), texts(&["1", "2"]));
        assert_eq!(elements(&["a:b", "7"]), texts(&["a%3Ab", "7"]));
        assert_eq!(elements(&BTreeSet::from([2, 1])), texts(&["1", "2"]));
        assert_eq!(elements(&Some(Ids(vec![3]))), texts(&["3"]));
        assert_eq!(elements(&Pair(1, "x")), texts(&["1", "x"]));
        assert_eq!(elements(&vec![vec![1], vec![]]), texts(&["(1)", "()"]));
        assert_eq!(elements::<[u32]>(&[]), texts(&[]));
        let long = vec!["x".repeat(200)];
        assert!(elements(&long).unwrap()[0].starts_with("!h"));
    }

    #[test]
    fn other_values_and_lists_without_text_have_none() {
        assert_eq!(elements("text"), None);
        assert_eq!(elements(&None::<Vec<u32>>), None);
        assert_eq!(elements(&Page { ids: vec![1] }), None);
        assert_eq!(elements(&BTreeMap::from([(1, 2)])), None);
        assert_eq!(elements(&vec![f64::NAN]), None);
        assert_eq!(elements(&std::net::Ipv4Addr::LOCALHOST), None);
    }
}
