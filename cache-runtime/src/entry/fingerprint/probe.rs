//! A deserializer without data, which records what it is asked for.
//!
//! Each run of the type's `Deserialize` follows one path, from the outermost type down to one number or string, and is
//! stopped there by an error. The next run takes the next field, variant or element at the last place with a choice.
//! So no run needs a value that the type would accept, except for the elements of a tuple before the examined one
//! ([`filler`](crate::entry::fingerprint::filler)).

mod reader;

use std::any::type_name;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{self, DeserializeOwned};
use xxhash_rust::xxh3::Xxh3;

use crate::entry::fingerprint::filler::{Filler, STYLES};
use crate::entry::fingerprint::symmetry::Forms;
use reader::Probe;

/// The result of exploring a type.
pub(super) struct Found {
    pub(super) hash: u64,
    /// Its `Deserialize` inspects the data to find out its type, which bincode does not support.
    pub(super) self_describing: bool,
    /// The type is too large to be explored completely.
    pub(super) cut: bool,
    pub(super) forms: Forms,
}

impl Found {
    /// Whether the type has parts that its hash does not cover.
    pub(super) fn is_vague(&self) -> bool {
        self.self_describing || self.cut
    }
}

/// Lets a type read from the probe once.
pub(super) type Run = fn(&mut Walk);

/// The run of `T`. It is all that the compiler repeats for each type.
pub(super) fn run_of<T: DeserializeOwned>() -> Run {
    |walk| {
        // Every run ends with an error, and what it has found is in the walk.
        drop(T::deserialize(Probe(walk)));
    }
}

/// Follows every path through a type.
pub(super) fn explore(run: Run, human_readable: bool) -> Found {
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
        // This passes an error to foreign code at an unusual place. Values that it had built are dropped inside, too.
        if catch_unwind(AssertUnwindSafe(|| run(&mut walk))).is_err() {
            walk.record(b"panic", &[]);
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

/// The position of this run, and the path of the next one.
pub(super) struct Walk {
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
    /// The visitor's type: if it occurs again further down, the type is recursive. Never hashed.
    visitor: &'static str,
    choice: usize,
    choices: usize,
    /// Whether the last run reached the choice.
    reached: bool,
    /// Structs are offered as maps, so that each field can be examined alone; a type that accepts only sequences gets
    /// one.
    as_sequence: bool,
    /// The dummy value for each element before the chosen one.
    styles: Vec<usize>,
    /// Which of them was rejected.
    refused: Option<usize>,
}

impl Walk {
    /// Enters a place, for the first time or again, and returns the index of its node.
    fn enter<V>(&mut self, kind: &[u8], names: &[&str], choices: usize) -> Result<usize, Stop> {
        self.enter_as(type_name::<V>(), kind, names, choices)
    }

    fn enter_as(
        &mut self,
        visitor: &'static str,
        kind: &[u8],
        names: &[&str],
        choices: usize,
    ) -> Result<usize, Stop> {
        let at = self.cursor;
        if self.is_new() {
            if let Some(up) = self
                .path
                .iter()
                .rev()
                .position(|node| node.visitor == visitor)
            {
                self.record(b"again", &[&up.to_string()]);
                return Err(Stop);
            }
            if at >= MAX_DEPTH {
                self.cut = true;
                return Err(Stop);
            }
            if kind != TRANSPARENT {
                self.record(kind, names);
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

    /// Whether no run has been at this place before.
    fn is_new(&self) -> bool {
        self.cursor == self.path.len()
    }

    /// The dummy values for an element before the chosen one.
    fn filler(&mut self, at: usize, element: usize) -> Filler {
        let node = &mut self.path[at];
        if node.styles.len() <= element {
            node.styles.resize(element + 1, 0);
        }
        Filler::new(node.styles[element], self.human_readable)
    }

    fn form(&mut self, name: &'static str, variant: &'static str, fields: usize) {
        if self.is_new() {
            self.forms.add(name, variant, fields);
        }
    }

    /// Moves to the next path; `false` if there is none.
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
                self.record_at(self.path.len(), b"unreached", &[]);
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
        self.record(kind, &[]);
        Stop
    }

    fn record(&mut self, kind: &[u8], names: &[&str]) {
        self.record_at(self.cursor, kind, names);
    }

    /// Adds an event to the hash. The nodes above give its position.
    fn record_at(&mut self, depth: usize, kind: &[u8], names: &[&str]) {
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

/// A newtype is written as its content, in both codecs.
const TRANSPARENT: &[u8] = b"";

/// The maximum number of paths, which is more than any type worth caching has.
const MAX_PATHS: usize = 4096;

/// The maximum depth; each level uses stack space.
const MAX_DEPTH: usize = 64;
