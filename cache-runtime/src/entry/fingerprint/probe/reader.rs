//! The deserializer of the probe: each request becomes a step of the walk.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use crate::entry::fingerprint::probe::{Stop, TRANSPARENT, Walk};

/// The deserializer of the probe.
pub(super) struct Probe<'w>(pub(super) &'w mut Walk);

macro_rules! leaves {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
                Err(self.0.leaf(stringify!($method).as_bytes()))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    leaves! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_unit
    }

    fn deserialize_str<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.0.leaf(b"str"))
    }

    fn deserialize_string<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.0.leaf(b"str"))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.0.leaf(b"bytes"))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.0.leaf(b"bytes"))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        self.0.self_describing = true;
        Err(self.0.leaf(b"any"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_any(visitor)
    }

    /// Only called where names are read as data, as the keys of flattened structs are.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let at = self.0.enter::<V>(b"option", &[], 1)?;
        self.0.path[at].reached = true;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let at = self.0.enter::<V>(TRANSPARENT, &[], 1)?;
        self.0.path[at].reached = true;
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let at = self.0.enter::<V>(b"seq", &[], 1)?;
        visitor.visit_seq(Sequence {
            walk: self.0,
            at,
            next: 0,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let at = self.0.enter::<V>(b"tuple", &[&len.to_string()], len)?;
        visitor.visit_seq(Sequence {
            walk: self.0,
            at,
            next: 0,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.form(name, "", len);
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let at = self.0.enter::<V>(b"map", &[], 2)?;
        visitor.visit_map(Entry {
            walk: self.0,
            at,
            given: false,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.0.form(name, "", fields.len());
        self.enter_struct(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.0.is_new() {
            for (index, variant) in variants.iter().enumerate() {
                self.0.forms.add_variant(name, index, variant);
            }
        }
        let at = self.0.enter::<V>(b"enum", variants, variants.len())?;
        let variant = variants[self.0.path[at].choice];
        visitor.visit_enum(Variant {
            walk: self.0,
            at,
            name,
            variant,
        })
    }

    fn is_human_readable(&self) -> bool {
        self.0.human_readable
    }
}

impl<'w> Probe<'w> {
    fn enter_struct<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let at = self.0.enter::<V>(b"struct", fields, fields.len())?;
        let node = &self.0.path[at];
        if node.as_sequence {
            visitor.visit_seq(Sequence {
                walk: self.0,
                at,
                next: 0,
            })
        } else {
            let field = fields[node.choice];
            visitor.visit_map(Field {
                walk: self.0,
                at,
                field,
            })
        }
    }
}

/// A struct that shows only the chosen field.
struct Field<'w> {
    walk: &'w mut Walk,
    at: usize,
    field: &'static str,
}

impl<'de> MapAccess<'de> for Field<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let name: StrDeserializer<'_, Stop> = self.field.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        self.walk.path[self.at].reached = true;
        seed.deserialize(Probe(self.walk))
    }
}

/// A sequence or tuple: dummy values before the chosen element.
struct Sequence<'w> {
    walk: &'w mut Walk,
    at: usize,
    next: usize,
}

impl<'de> SeqAccess<'de> for Sequence<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        let element = self.next;
        self.next += 1;
        if element == self.walk.path[self.at].choice {
            self.walk.path[self.at].reached = true;
            return seed.deserialize(Probe(self.walk)).map(Some);
        }
        fill(self.walk, self.at, element, seed).map(Some)
    }
}

/// A map of one entry: its key or its value is examined.
struct Entry<'w> {
    walk: &'w mut Walk,
    at: usize,
    given: bool,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        if std::mem::replace(&mut self.given, true) {
            return Ok(None);
        }
        if self.walk.path[self.at].choice == 0 {
            self.walk.path[self.at].reached = true;
            return seed.deserialize(Probe(self.walk)).map(Some);
        }
        fill(self.walk, self.at, 0, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        self.walk.path[self.at].reached = true;
        seed.deserialize(Probe(self.walk))
    }
}

/// Creates a dummy value for an element before the chosen one.
fn fill<'de, S: DeserializeSeed<'de>>(
    walk: &mut Walk,
    at: usize,
    element: usize,
    seed: S,
) -> Result<S::Value, Stop> {
    match seed.deserialize(walk.filler(at, element)) {
        Ok(dummy) => Ok(dummy),
        Err(_) => {
            walk.path[at].refused = Some(element);
            Err(Stop)
        }
    }
}

/// The chosen variant of an enum.
struct Variant<'w> {
    walk: &'w mut Walk,
    at: usize,
    name: &'static str,
    variant: &'static str,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let name: StrDeserializer<'_, Stop> = self.variant.into_deserializer();
        let variant = seed.deserialize(name)?;
        self.walk.path[self.at].reached = true;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Err(self.walk.leaf(b"unit variant"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        let at = self
            .walk
            .enter::<(S, S::Value)>(b"newtype variant", &[], 1)?;
        self.walk.path[at].reached = true;
        seed.deserialize(Probe(self.walk))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.walk.form(self.name, self.variant, len);
        Probe(self.walk).deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.walk.form(self.name, self.variant, fields.len());
        Probe(self.walk).enter_struct(fields, visitor)
    }
}
