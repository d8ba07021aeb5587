//! Compound values.

use std::ops::Range;

use serde::ser::{self, Serialize};

use crate::key::serializer::Value;
use crate::key::writer::{KeyWriter, NotAKey};

/// A sequence, tuple, struct or variant being written.
pub(super) struct Compound<'a> {
    out: &'a mut KeyWriter,
    depth: u8,
    first: bool,
    close: char,
}

impl<'a> Compound<'a> {
    pub(super) fn open(out: &'a mut KeyWriter, depth: u8, bracket: char) -> Self {
        out.text.push(bracket);
        let close = if bracket == '(' { ')' } else { '}' };
        Self {
            out,
            depth,
            first: true,
            close,
        }
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.text.push(',');
        }
    }

    pub(super) fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAKey> {
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

    pub(super) fn close(self) -> Result<(), NotAKey> {
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

/// A map being written. Its entries are sorted at the end, because a `HashMap` has no order.
pub(super) struct Entries<'a> {
    out: &'a mut KeyWriter,
    depth: u8,
    start: usize,
    entries: Vec<Entry>,
    key: Range<usize>,
}

struct Entry {
    key: Range<usize>,
    value: Range<usize>,
}

impl<'a> Entries<'a> {
    pub(super) fn open(out: &'a mut KeyWriter, depth: u8) -> Self {
        let start = out.text.len();
        Self {
            out,
            depth,
            start,
            entries: Vec::new(),
            key: 0..0,
        }
    }

    fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<Range<usize>, NotAKey> {
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
        let of = |range: &Range<usize>| &written[range.start - self.start..range.end - self.start];
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
