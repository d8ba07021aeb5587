//! A function, with the entries that it stores and removes.

use std::fmt::{self, Display};

use serde::{Serialize, Serializer};

use crate::ctl::map::lifetime::Lifetime;
use crate::ctl::map::notes::Notes;
use crate::ctl::map::shape::{Covered, MARKS, Shape};
use crate::ctl::map::text::Text;
use crate::key::Pattern;

/// A line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
}

/// `src/jobs.rs:12`
impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A function, with all that concerns the cache in it.
#[derive(Clone, Debug)]
pub(super) struct Function {
    /// `Repo<T>::list`
    pub(super) name: String,
    /// The modules around it, without the crate.
    pub(super) module: Vec<String>,
    pub(super) place: Place,
    pub(super) stores: Vec<Store>,
    pub(super) removes: Vec<Removal>,
    pub(super) notes: Notes,
    pub(super) unread: Vec<Unread>,
}

/// An entry that a function stores.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) how: How,
    pub(super) key: Key,
    pub(super) ttl: Lifetime,
    pub(super) tags: Tags,
    pub(super) companion: Option<Companion>,
    /// How long it is served after its TTL, as it is written.
    pub(super) stale: Option<String>,
    /// The option `near`, as it is written.
    pub(super) near: Option<String>,
    pub(super) line: usize,
}

/// How an entry is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    /// By a cached function, on a miss.
    Read,
    /// By a cached function each time.
    Put,
    /// By an operation of `Cache`.
    ByHand,
}

/// The key of an entry.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Known {
        shown: String,
        /// The text before the first placeholder.
        beginning: String,
        shape: Shape,
        /// The keys that the companion `invalidate_all` removes.
        every: Shape,
    },
    /// An expression that is not understood.
    Unread(String),
}

impl Key {
    /// A template; `below` if the type around the function may follow it.
    pub(super) fn of(text: &Text, below: bool) -> Self {
        let shape = text.shape();
        Self::Known {
            shown: text.to_string(),
            beginning: text.beginning().to_owned(),
            shape: if below { shape.or_below() } else { shape },
            every: text.every_key(),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Known { shown, .. } => shown.clone(),
            Self::Unread(source) => format!("unknown (`{source}`)"),
        }
    }

    pub(super) fn shape(&self) -> Option<&Shape> {
        match self {
            Self::Known { shape, .. } => Some(shape),
            Self::Unread(_) => None,
        }
    }
}

/// The tags of an entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags {
    pub(super) listed: Vec<Text>,
    /// An expression that is not understood.
    pub(super) unread: Option<String>,
}

impl Tags {
    /// The tags that are known, as they are written in patterns: `#author:<id> #all`.
    pub(super) fn shown(&self) -> String {
        let tags: Vec<String> = self.listed.iter().map(|tag| format!("#{tag}")).collect();
        tags.join(" ")
    }
}

/// How companions are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Companion {
    /// `list_jobs::invalidate(…)`
    Type(String),
    /// `repo.job_invalidate(…)`, `Repo::job_invalidate(…)`
    Methods(String),
}

/// Something that a function removes.
#[derive(Clone, Debug)]
pub(super) struct Removal {
    /// As people read it: a pattern, or a call.
    pub(super) written: String,
    pub(super) line: usize,
    pub(super) what: Removed,
}

/// Which entries are removed.
#[derive(Clone, Debug)]
pub(super) enum Removed {
    Entries(Covered),
    /// Those of the function that has this companion: the names before the companion's, and whether all entries of
    /// that function are removed.
    Companion {
        path: Vec<String>,
        all: bool,
    },
    /// None: the pattern is not valid, for this reason.
    Nothing(String),
}

impl Removal {
    /// Whether it removes everything.
    pub(super) fn is_clear(&self) -> bool {
        matches!(&self.what, Removed::Entries(Covered::Keys(keys)) if keys.is_everything())
    }

    /// A pattern as the attribute and `Cache::invalidate_pattern` take it.
    pub(super) fn pattern(text: &Text, line: usize) -> Self {
        let what = match Pattern::parse(&text.marked) {
            Ok(pattern) => Removed::Entries(Covered::of(&pattern)),
            Err(why) => {
                // The reason shows the text, in which nobody can read the marks.
                let readable = Pattern::parse(&text.marked.replace(MARKS, "…"));
                Removed::Nothing(readable.map_or_else(|why| why.to_string(), |_| why.to_string()))
            }
        };
        Self {
            written: text.to_string(),
            line,
            what,
        }
    }

    /// A pattern with placeholders, as a text. `is_number` says which of them are whole numbers.
    pub(super) fn template(text: &str, line: usize, is_number: impl Fn(&str) -> bool) -> Self {
        match Text::template(text) {
            Ok(template) => Self::pattern(&template.with_numbers(is_number), line),
            Err(why) => Self {
                written: text.to_owned(),
                line,
                what: Removed::Nothing(why),
            },
        }
    }
}

/// Something that the source does not show.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub(super) line: usize,
    pub(super) what: String,
    pub(super) remedy: String,
}
