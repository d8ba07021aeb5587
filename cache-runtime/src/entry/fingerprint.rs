//! The shape of a type, as serde sees it, in 64 bits.
//!
//! Entries carry the fingerprint of the type that wrote them; a reader whose
//! type has another one takes them for a miss. So a struct that gained, lost,
//! renamed, reordered or retyped a field between two builds never reads the
//! other's bytes, which bincode would happily misread.
//!
//! The shape comes from the type's own `Deserialize`: it is asked to read from
//! a deserializer that has nothing, only writes down what it was asked for, and
//! follows one path after another to its end ([`probe`]). Names of types are
//! not part of it, except where a type shows nothing else.

mod filler;
mod probe;
mod symmetry;

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::Xxh3;

use crate::entry::kind::CodecKind;
use probe::explore;
use symmetry::{Forms, Verdict, compare, compare_json};

/// What is known of a type.
#[derive(Debug)]
pub(super) struct Shape {
    fingerprint: u64,
    forms: Forms,
    json_only: AtomicBool,
}

impl Shape {
    fn of<T: DeserializeOwned + 'static>() -> Self {
        let compact = explore::<T>(false);
        let readable = explore::<T>(true);
        let mut hash = Xxh3::new();
        hash.update(&compact.hash.to_le_bytes());
        hash.update(&readable.hash.to_le_bytes());
        if compact.is_vague() {
            // All that is left to tell two such types apart.
            hash.update(type_name::<T>().as_bytes());
            hash.update(&size_of::<T>().to_le_bytes());
        }
        Self {
            fingerprint: hash.digest(),
            json_only: AtomicBool::new(compact.self_describing),
            forms: compact.forms,
        }
    }

    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The codec to use where `asked` is asked for.
    pub(super) fn codec(&self, asked: CodecKind) -> CodecKind {
        if self.json_only.load(Ordering::Relaxed) {
            CodecKind::Json
        } else {
            asked
        }
    }

    /// Would bincode read this value back as it is?
    ///
    /// bincode writes no names: a field that `skip_serializing_if` leaves out
    /// shifts all that follow, and what is read back may be another valid
    /// value. A type that was once seen to do so is stored as JSON from then on.
    pub(super) fn survives_bincode<T: Serialize>(&self, value: &T) -> bool {
        match compare(value, &self.forms) {
            Verdict::Same => true,
            Verdict::Unknown => !self.json_only.load(Ordering::Relaxed),
            Verdict::Other => {
                self.json_only.store(true, Ordering::Relaxed);
                false
            }
        }
    }
}

/// Would JSON read this value back as it is? Not `Some(None)`, nor NaN.
pub(super) fn survives_json<T: Serialize>(value: &T) -> bool {
    compare_json(value) != Verdict::Other
}

/// The shape of `T`, explored at its first use.
pub(super) fn shape_of<T: DeserializeOwned + 'static>() -> &'static Shape {
    /// By type, because a `static` in a generic function is shared by all its
    /// instances. Leaked: a program has as many types as its source says.
    static SHAPES: LazyLock<RwLock<HashMap<TypeId, &'static Shape, ByTypeId>>> =
        LazyLock::new(RwLock::default);
    let id = TypeId::of::<T>();
    if let Some(shape) = SHAPES.read().get(&id) {
        return shape;
    }
    // Explored outside the lock: it runs the type's own code. Whoever comes
    // second finds the same, and keeps the first.
    let shape = Shape::of::<T>();
    SHAPES
        .write()
        .entry(id)
        .or_insert_with(|| Box::leak(Box::new(shape)))
}

/// The id of a type is a hash already, and no caller chooses it.
type ByTypeId = BuildHasherDefault<TakenAsHash>;

#[derive(Default)]
struct TakenAsHash(u64);

impl Hasher for TakenAsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not what an id writes today; whatever it writes, equal ids give equal hashes.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
