//! What rows, groups, authors and namespaces are called: tamely, by a number; or as users call them, with everything in it
//! that means something to somebody on the way to Redis.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// Which names a process uses; set once, before the first call.
pub(crate) static NAMES: OnceLock<Names> = OnceLock::new();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// `17`
    Tame,
    /// Spaces, colons, backslashes, stars, escapes, quotes, non-ASCII; and names that are the beginning of another.
    Wild,
}

/// A row's number, as an argument of what is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row(pub(crate) u32);

/// A group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group(pub(crate) u32);

/// An author's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Author(pub(crate) u64);

/// One of the applications that share a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Tenant {
    /// Its namespace is the beginning of the inner one's.
    #[default]
    Outer,
    Inner,
}

impl Names {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tame => "tame",
            Self::Wild => "wild",
        }
    }

    /// Of every number another text.
    fn of_row(self, id: u32) -> String {
        match (self, id % 8) {
            (Self::Tame, _) => id.to_string(),
            (_, 0) => format!("{id} o"),
            (_, 1) => format!("o:{id}"),
            (_, 2) => format!("o:{}:brien", id - 1),
            (_, 3) => format!(r"c\{id}\\"),
            (_, 4) => format!("Zürich 東京 {id}"),
            (_, 5) => format!("*{id}*"),
            (_, 6) if id == 6 => String::new(),
            (_, 6) => format!("%3A{id}%"),
            (_, _) => format!("'#{id}\t[x]{{y}}\""),
        }
    }

    fn of_group(self, id: u32) -> String {
        match (self, id) {
            (Self::Tame, _) => id.to_string(),
            (Self::Wild, 0) => r"grün a:\".to_owned(),
            (Self::Wild, _) => format!(r"grün a:\{id}"),
        }
    }

    fn of_author(self, id: u64) -> String {
        match (self, id) {
            (Self::Tame, _) => id.to_string(),
            (Self::Wild, 0) => "Anna B".to_owned(),
            (Self::Wild, _) => format!("o:brien\\é {id}"),
        }
    }

    /// What stands before the keys of a tenant; of one that is alone on the server, nothing, if its names are tame.
    pub(crate) fn namespace(self, tenant: Tenant, tenants: u32) -> &'static str {
        match (self, tenant, tenants) {
            (Self::Tame, _, ..=1) => "",
            (Self::Tame, Tenant::Outer, _) => "fleet",
            (Self::Tame, Tenant::Inner, _) => "fleet:45",
            (Self::Wild, Tenant::Outer, _) => r"flöte\é:a",
            (Self::Wild, Tenant::Inner, _) => r"flöte\é:a:45",
        }
    }
}

impl FromStr for Names {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Tame, Self::Wild]
            .into_iter()
            .find(|names| names.name() == text)
            .ok_or("one of tame, wild")
    }
}

impl Row {
    pub(crate) fn name(self) -> String {
        names().of_row(self.0)
    }
}

impl Group {
    pub(crate) fn name(self) -> String {
        names().of_group(self.0)
    }
}

impl Author {
    pub(crate) fn name(self) -> String {
        names().of_author(self.0)
    }
}

impl Tenant {
    /// Whose process runs at this place.
    pub(crate) fn at(place: usize, tenants: u32) -> Self {
        match tenants > 1 && place % 2 == 1 {
            true => Self::Inner,
            false => Self::Outer,
        }
    }
}

impl Display for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Outer => "the outer tenant",
            Self::Inner => "the inner tenant",
        })
    }
}

pub(crate) fn names() -> Names {
    NAMES.get().copied().unwrap_or(Names::Tame)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Names, Tenant};

    #[test]
    fn no_two_rows_share_a_name() {
        for names in [Names::Tame, Names::Wild] {
            let different: HashSet<String> = (0..1_000).map(|id| names.of_row(id)).collect();
            assert_eq!(different.len(), 1_000, "{names:?}");
        }
    }

    #[test]
    fn the_outer_namespace_is_the_beginning_of_the_inner_one() {
        for names in [Names::Tame, Names::Wild] {
            let outer = names.namespace(Tenant::Outer, 2);
            let inner = names.namespace(Tenant::Inner, 2);
            assert_eq!(inner.strip_prefix(outer), Some(":45"));
        }
    }
}
