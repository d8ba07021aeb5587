//! The parts of a key: anything that serde can serialize.

use serde::ser::Serialize;

use crate::key::serializer::serialize_into;
use crate::key::writer::{KeyWriter, NotAKey};

/// A part of a key: anything that serde can serialize.
///
/// The trait is object safe, so that a template with several placeholders takes a slice.
///
/// Two values have different texts if serde distinguishes them. An untagged enum is written as its content, so
/// `Id::Number(1)` and `Id::Text("1")` give the same key if they are not inside a compound. A `HashSet` has no order,
/// so it gives no reliable key; use a `BTreeSet`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "this value cannot become text",
    note = "a part of a key is `serde::Serialize`: numbers, strings, UUIDs, tuples, or what derives it",
    note = "of a large argument, only the part that shapes the result belongs into the key: `<user.id>`; of request headers, take the one that matters as an argument of its own, or write `key = expression`",
    note = "an argument that does not shape the result is left out with `skip(…)`; if one cannot be in a key at all, such as the `Result` of an extractor, cache the function that the handler calls"
)]
pub trait KeyPart {
    /// Appends this value's text.
    ///
    /// # Errors
    ///
    /// The value cannot be distinguished from others by its text, such as NaN.
    fn write_to(&self, out: &mut KeyWriter) -> Result<(), NotAKey>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {
    fn write_to(&self, out: &mut KeyWriter) -> Result<(), NotAKey> {
        let start = out.text.len();
        serialize_into(self, out)?;
        out.shorten(start);
        Ok(())
    }
}
