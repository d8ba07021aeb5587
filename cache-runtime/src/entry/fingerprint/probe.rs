//! A deserializer that has nothing to read, and writes down what it is asked.
//!
//! Each run of the type's `Deserialize` follows one path, from the outermost
//! type down to one number or string, and is stopped there by an error. The
//! next run takes the next field, variant or element at the last place where
//! there was a choice. So no run needs a value that the type would accept,
//! except for what stands before the element of a tuple that is looked at
//! ([`Filler`]).

use std::any::type_name;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use xxhash_rust::xxh3::Xxh3;

use super::filler::{Filler, STYLES};
use super::symmetry::Forms;

/// What exploring a type found.
pub(super) struct Found {
    pub(super) hash: u64,
    /// Its reader looks at the data to learn what it is, which bincode does not
    /// support.
    pub(super) self_describing: bool,
    /// Too large to be seen whole.
    pub(super) cut: bool,
    pub(super) forms: Forms,
}

impl Found {
    /// Are there parts of the type that its hash does not know?
    pub(super) fn is_vague(&self) -> bool {
        self.self_describing || self.cut
    }
}

/// Follows every path through `T`.
pub(super) fn explore<T: DeserializeOwned>(human_readable: bool) -> Found {
    let mut walk = Walk {
        path: Vec::new(),
        cursor: 0,
        hash: Xxh3::new(),
        human_readable,
        self_describing: false,
        cut: false,
        forms: Forms::default(),
    };
    let mut left = MAX_PATHS;
    loop {
        walk.cursor = 0;
        // Somebody else's code is fed with an error at an unusual place. What
        // it had built is dropped inside, too.
        let run = catch_unwind(AssertUnwindSafe(|| {
            T::deserialize(Probe(&mut walk)).is_ok()
        }));
        if run.is_err() {
            walk.note(b"panic", &[]);
        }
        left -= 1;
        if !walk.advance() {
            break;
        }
        if left == 0 {
            walk.cut = true;
            break;
        }
    }
    Found {
        hash: walk.hash.digest(),
        self_describing: walk.self_describing,
        cut: walk.cut,
        forms: walk.forms,
    }
}

/// Where this run is, and where the next one goes.
struct Walk {
    path: Vec<Node>,
    cursor: usize,
    hash: Xxh3,
    human_readable: bool,
    self_describing: bool,
    cut: bool,
    forms: Forms,
}

/// A place with a choice.
struct Node {
    /// The visitor's type: the same one again below means recursion. Never
    /// hashed.
    visitor: &'static str,
    choice: usize,
    choices: usize,
    /// Did the last run get as far as the choice?
    reached: bool,
    /// Structs are offered as maps, so that each field can be looked at alone;
    /// a reader that knows only sequences gets one.
    as_sequence: bool,
    /// How to fill in each element that stands before the chosen one.
    styles: Vec<usize>,
    /// Which of them was refused.
    refused: Option<usize>,
}

impl Walk {
    /// Enters a place, for the first time or again, and says which node it is.
    fn enter<V>(&mut self, kind: &[u8], names: &[&str], choices: usize) -> Result<usize, Stop> {
        let at = self.cursor;
        if self.is_new() {
            let visitor = type_name::<V>();
            if let Some(up) = self
                .path
                .iter()
                .rev()
                .position(|node| node.visitor == visitor)
            {
                self.note(b"again", &[&up.to_string()]);
                return Err(Stop);
            }
            if at >= MAX_DEPTH {
                self.cut = true;
                return Err(Stop);
            }
            if kind != TRANSPARENT {
                self.note(kind, names);
            }
            if choices == 0 {
                return Err(Stop);
            }
            self.path.push(Node {
                visitor,
                choice: 0,
                choices,
                reached: false,
                as_sequence: false,
                styles: Vec::new(),
                refused: None,
            });
        }
        self.cursor += 1;
        Ok(at)
    }

    /// Is this place one that no run has been to?
    fn is_new(&self) -> bool {
        self.cursor == self.path.len()
    }

    fn form(&mut self, name: &'static str, variant: &'static str, fields: usize) {
        if self.is_new() {
            self.forms.add(name, variant, fields);
        }
    }

    /// Moves on to the next path; `false` when there is none.
    fn advance(&mut self) -> bool {
        while let Some(node) = self.path.last_mut() {
            if !node.reached {
                match node.refused.take() {
                    Some(element) if node.styles[element] + 1 < STYLES => {
                        node.styles[element] += 1;
                        return true;
                    }
                    None if !node.as_sequence && node.choice == 0 => {
                        node.as_sequence = true;
                        return true;
                    }
                    _ => {}
                }
            }
            let unreached = !node.reached;
            node.choice += 1;
            node.reached = false;
            let more = node.choice < node.choices;
            if unreached {
                self.note_at(self.path.len(), b"unreached", &[]);
            }
            if more {
                return true;
            }
            self.path.pop();
        }
        false
    }

    /// The end of this path.
    fn leaf(&mut self, kind: &[u8]) -> Stop {
        self.note(kind, &[]);
        Stop
    }

    fn note(&mut self, kind: &[u8], names: &[&str]) {
        self.note_at(self.cursor, kind, names);
    }

    /// Adds an event to the hash. The nodes above say where it happened.
    fn note_at(&mut self, depth: usize, kind: &[u8], names: &[&str]) {
        let choices = self
            .path
            .iter()
            .take(depth)
            .filter(|node| node.choices > 1)
            .map(|node| node.choice);
        for choice in choices {
            self.hash.update(&(choice as u64).to_le_bytes());
        }
        self.hash.update(b"\xff");
        self.hash.update(kind);
        for name in names {
            self.hash.update(b"\0");
            self.hash.update(name.as_bytes());
        }
        self.hash.update(b"\xfe");
    }
}

/// The error that ends every run.
#[derive(Debug)]
struct Stop;

impl Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the shape is known")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// The deserializer itself.
struct Probe<'w>(&'w mut Walk);

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

    /// Only where names are read as data, as the keys of flattened structs are.
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

/// A sequence or tuple: dummies up to the chosen element.
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

/// A map of one entry: its key is looked at, or its value.
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

/// A dummy for what must be there before the chosen element is asked for.
fn fill<'de, S: DeserializeSeed<'de>>(
    walk: &mut Walk,
    at: usize,
    element: usize,
    seed: S,
) -> Result<S::Value, Stop> {
    let human_readable = walk.human_readable;
    let node = &mut walk.path[at];
    if node.styles.len() <= element {
        node.styles.resize(element + 1, 0);
    }
    seed.deserialize(Filler::new(node.styles[element], human_readable))
        .map_err(|_| {
            walk.path[at].refused = Some(element);
            Stop
        })
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

/// A newtype is its content, in both codecs.
const TRANSPARENT: &[u8] = b"";

/// More paths than any type that is worth caching has.
const MAX_PATHS: usize = 4096;

/// Each level costs stack.
const MAX_DEPTH: usize = 64;
