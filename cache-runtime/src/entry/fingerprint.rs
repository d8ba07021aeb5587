//! The fingerprint of a type: 64 bits that represent its shape, as serde sees it.
//!
//! An entry contains the fingerprint of the type that wrote it; for a reader whose type has another fingerprint, it is
//! a miss. So a struct that gained, lost, renamed, reordered or retyped a field between two builds never reads the
//! other's bytes, which a compact codec would misread without an error.
//!
//! The shape is derived from the type's own `Deserialize`: it reads from a deserializer that has no data, records the
//! requests, and follows one path after another to its end ([`probe`]). Names of types are not part of the shape,
//! except where a type shows nothing else.

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
use probe::{Run, explore, run_of};
use symmetry::{Forms, Verdict, compare, compare_json};

/// What the exploration needs of a type, so that its code is compiled once and not for each type.
#[derive(Clone, Copy)]
struct Described {
    id: TypeId,
    name: &'static str,
    size: usize,
    run: Run,
}

/// The properties found of a type.
#[derive(Debug)]
pub(super) struct Shape {
    fingerprint: u64,
    forms: Forms,
    json_only: AtomicBool,
}

impl Shape {
    fn of(described: Described) -> Self {
        let compact = explore(described.run, false);
        let readable = explore(described.run, true);
        let mut hash = Xxh3::new();
        hash.update(&compact.hash.to_le_bytes());
        hash.update(&readable.hash.to_le_bytes());
        if compact.is_vague() {
            // Only the name and the size can distinguish two such types.
            hash.update(described.name.as_bytes());
            hash.update(&described.size.to_le_bytes());
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

    /// The codec to use when `asked` is requested.
    pub(super) fn codec(&self, asked: CodecKind) -> CodecKind {
        if self.json_only.load(Ordering::Relaxed) {
            CodecKind::Json
        } else {
            asked
        }
    }

    /// Whether a compact codec would read this value back unchanged.
    ///
    /// It writes no names: a field omitted by `skip_serializing_if` shifts all fields after it, and the result
    /// may be another valid value. Once a type has done so, it is always stored as JSON.
    pub(super) fn survives_compact<T: Serialize>(&self, value: &T) -> bool {
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

/// Whether JSON would read this value back unchanged. It does not for `Some(None)` and NaN.
pub(crate) fn survives_json<T: Serialize>(value: &T) -> bool {
    compare_json(value) != Verdict::Other
}

/// The shape of `T`, explored at its first use.
pub(super) fn shape_of<T: DeserializeOwned + 'static>() -> &'static Shape {
    shape_of_described(Described {
        id: TypeId::of::<T>(),
        name: type_name::<T>(),
        size: size_of::<T>(),
        run: run_of::<T>(),
    })
}

fn shape_of_described(described: Described) -> &'static Shape {
    /// Shapes by type, because a `static` in a generic function is shared by all its instances. They are leaked: the
    /// number of types in a program is limited.
    static SHAPES: LazyLock<RwLock<HashMap<TypeId, &'static Shape, ByTypeId>>> =
        LazyLock::new(RwLock::default);
    if let Some(shape) = SHAPES.read().get(&described.id) {
        return shape;
    }
    // Explored outside the lock, because it runs the type's own code. A second thread finds the same shape, and keeps
    // the first.
    let shape = Shape::of(described);
    SHAPES
        .write()
        .entry(described.id)
        .or_insert_with(|| Box::leak(Box::new(shape)))
}

/// The id of a type is already a hash, and no caller chooses it.
type ByTypeId = BuildHasherDefault<TakenAsHash>;

#[derive(Default)]
struct TakenAsHash(u64);

impl Hasher for TakenAsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Ids do not write this way today; in any case, equal ids give equal hashes.
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
