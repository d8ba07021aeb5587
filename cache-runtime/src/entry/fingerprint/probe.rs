//! A deserializer that has nothing to read, and writes down what it is asked.
//!
//! Each run of the type's `Deserialize` follows one path, from the outermost
//! type down to one number or string, and is stopped there by an error. The
//! next run takes the next field, variant or element at the last place where
//! there was a choice. So no run needs a value that the type would accept,
//! except for what stands before the element of a tuple that is looked at
//! ([`filler`](crate::entry::fingerprint::filler)).

mod reader;

use std::any::type_name;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{self, DeserializeOwned};
use xxhash_rust::xxh3::Xxh3;

use crate::entry::fingerprint::filler::STYLES;
use crate::entry::fingerprint::symmetry::Forms;
use reader::Probe;

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

/// A newtype is its content, in both codecs.
const TRANSPARENT: &[u8] = b"";

/// More paths than any type that is worth caching has.
const MAX_PATHS: usize = 4096;

/// Each level costs stack.
const MAX_DEPTH: usize = 64;
