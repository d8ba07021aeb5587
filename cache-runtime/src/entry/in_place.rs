//! Decodes strings and bytes in place, before memory is allocated for them.
//!
//! bincode allocates the length that the data claims, clears the memory, and reads into it. Reading the text in place
//! saves one copy, and detects a wrong length before anything is allocated. So when a type asks for an owned text, the
//! decoder is asked for a borrowed one, at every depth: everything that is passed to the type on the way is wrapped,
//! too.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// A deserializer, or an object that one passes on, that borrows when something owned is requested.
pub(super) struct InPlace<T>(pub(super) T);

/// Forwards methods for values without nested values.
macro_rules! forward {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for InPlace<D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_bytes deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(InPlace(visitor))
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, InPlace(visitor))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(InPlace(visitor))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(length, InPlace(visitor))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_tuple_struct(name, length, InPlace(visitor))
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(InPlace(visitor))
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, InPlace(visitor))
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, InPlace(visitor))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for InPlace<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    #[inline]
    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(InPlace(some))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(InPlace(inner))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(InPlace(elements))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, pairs: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(InPlace(pairs))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(InPlace(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for InPlace<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(InPlace(from))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for InPlace<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(InPlace(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for InPlace<A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(InPlace(seed))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(InPlace(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for InPlace<A> {
    type Error = A::Error;
    type Variant = InPlace<A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, InPlace<A::Variant>), A::Error> {
        let (which, content) = self.0.variant_seed(seed)?;
        Ok((which, InPlace(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for InPlace<A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(InPlace(seed))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, InPlace(visitor))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, InPlace(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};

    use crate::entry::CodecKind;
    use crate::entry::codec::Sink;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Unit,
        Text(String),
        Pair(String, u8),
        Named { name: String, notes: Vec<String> },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(String);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Whole {
        id: u64,
        signed: i128,
        name: String,
        letter: char,
        maybe: Option<Wrapped>,
        list: Vec<(String, bool)>,
        map: BTreeMap<String, Kind>,
        kinds: Vec<Kind>,
        unit: (),
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Unit),
            ".{0,9}".prop_map(Kind::Text),
            (".{0,9}", any::<u8>()).prop_map(|(text, number)| Kind::Pair(text, number)),
            (".{0,9}", prop::collection::vec(".{0,9}", 0..3))
                .prop_map(|(name, notes)| Kind::Named { name, notes }),
        ]
    }

    fn whole() -> impl Strategy<Value = Whole> {
        (
            (any::<u64>(), any::<i128>(), ".{0,300}", any::<char>()),
            prop::option::of(".{0,9}"),
            prop::collection::vec((".{0,9}", any::<bool>()), 0..4),
            prop::collection::btree_map(".{0,9}", kind(), 0..4),
            prop::collection::vec(kind(), 0..4),
        )
            .prop_map(
                |((id, signed, name, letter), maybe, list, map, kinds)| Whole {
                    id,
                    signed,
                    name,
                    letter,
                    maybe: maybe.map(Wrapped),
                    list,
                    map,
                    kinds,
                    unit: (),
                },
            )
    }

    fn written(whole: &Whole) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sink = Sink::Keep(&mut bytes);
        CodecKind::Bincode.write(whole, &mut sink).unwrap();
        bytes
    }

    /// Decodes as bincode itself does, with a limit, so that a wrong length is not allocated.
    fn plainly<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
        let config = bincode::config::standard().with_limit::<4096>();
        let (value, read) = bincode::serde::decode_from_slice(bytes, config).ok()?;
        (read == bytes.len()).then_some(value)
    }

    proptest! {
        #[test]
        fn reads_what_bincode_itself_reads(whole in whole()) {
            let bytes = written(&whole);
            prop_assert_eq!(CodecKind::Bincode.decode(&bytes), Ok(whole.clone()));
            prop_assert_eq!(plainly(&bytes), Some(whole));
        }

        #[test]
        fn damaged_bytes_are_read_as_bincode_itself_reads_them_or_refused(
            whole in whole(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = written(&whole);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let cut = cut.index(bytes.len()) + 1;
            for bytes in [&bytes[..], &bytes[..cut]] {
                let read = CodecKind::Bincode.decode::<Whole>(bytes).ok();
                prop_assert_eq!(read, plainly(bytes));
            }
        }
    }
}
