//! What is cached, and what can be removed: families of views of the same rows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Nanos, nanos};
use crate::names::{Author, Tenant};

/// A cached function, told by its name. What tells them apart is how their entries can be removed, and
/// whether memory may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Family {
    /// `item:<id>`; memory answers.
    Item,
    /// `exact:<id>`; `near = false`.
    Exact,
    /// `tagged:<group>:<id>`, tag `group:<group>`; memory answers.
    Tagged,
    /// `late:<id>`, tag `author:<result.author>`; `near = false`.
    Late,
    /// `own:<id>:view`; memory answers, and a load removes what else is under `own:<id>:`.
    Own,
    /// `aging:<id>`, fresh for half a second, served stale for two more and refreshed meanwhile, and before; memory
    /// answers.
    Aging,
    /// `patient:<id>`, tag `author:<result.author>`; the same, and older values stand in for bodies that fail or are
    /// slow; `near = false`.
    Patient,
    /// `hand:<id>`, a key written by hand; memory answers.
    Hand,
    /// `45:hand:<id>`, the same. In Redis, what the outer tenant keeps there is where the inner one keeps
    /// [`Family::Hand`].
    Nested,
    /// `bulk:<id>`, for a minute; memory answers.
    Bulk,
    /// `thread:<id>`, of a function that is not `async`: only memory has it.
    Thread,
}

/// What a body returns: which row, which version of it, and when its load began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) id: u32,
    pub(crate) version: u64,
    /// Of every version another: an entry's tag changes with its value.
    pub(crate) author: u64,
    pub(crate) began: Nanos,
    pub(crate) process: u32,
    pub(crate) tenant: Tenant,
}

impl View {
    /// As a part of a tag.
    pub(crate) fn writer(&self) -> String {
        Author(self.author).name()
    }
}

/// What a body says that fails on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) began: Nanos,
}

/// What a removal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    /// One key.
    Key(Family, u32),
    /// A prefix: all of a family.
    Family(Family),
    /// `*:<id>`: the views of one row in every family but [`Family::Own`], whose keys end in something else.
    Row(u32),
    /// The tag `group:<group>`.
    Group(u32),
    /// The tag `author:<author>`.
    Author(u64),
    /// The beginning `author:` of tags.
    Authors,
    /// `*:*`: everything, too, but found by a glob.
    Glob,
    /// Everything.
    All,
}

/// Rows are in groups by their number; authors are as many as groups.
pub(crate) const GROUPS: u32 = 2;

impl Family {
    /// Those that need neither neighbours nor a large keyspace.
    pub(crate) const USUAL: [Self; 8] = [
        Self::Item,
        Self::Exact,
        Self::Tagged,
        Self::Late,
        Self::Own,
        Self::Aging,
        Self::Patient,
        Self::Thread,
    ];

    /// What all its keys begin with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Item => "item:",
            Self::Exact => "exact:",
            Self::Tagged => "tagged:",
            Self::Late => "late:",
            Self::Own => "own:",
            Self::Aging => "aging:",
            Self::Patient => "patient:",
            Self::Hand => "hand:",
            Self::Nested => "45:hand:",
            Self::Bulk => "bulk:",
            Self::Thread => "thread:",
        }
    }

    /// Its tag names the author of what was loaded.
    const fn tells_its_author(self) -> bool {
        matches!(self, Self::Late | Self::Patient)
    }

    /// Memory answers while Redis is up.
    pub(crate) const fn is_near(self) -> bool {
        !matches!(self, Self::Exact | Self::Late | Self::Patient)
    }

    /// How long what is stored is there, where nothing but removals ends it sooner.
    pub(crate) const fn life(self) -> Option<Nanos> {
        match self {
            Self::Item | Self::Exact | Self::Tagged | Self::Late | Self::Hand | Self::Nested => {
                Some(nanos(Duration::from_secs(5)))
            }
            Self::Bulk => Some(nanos(Duration::from_secs(60))),
            // Their own loads remove them, or replace them ahead of time; or they are not in Redis.
            Self::Own | Self::Aging | Self::Patient | Self::Thread => None,
        }
    }

    /// The same place in Redis, as the other tenant names it.
    pub(crate) const fn neighbour(self, tenant: Tenant) -> Option<Self> {
        match (tenant, self) {
            (Tenant::Outer, Self::Nested) => Some(Self::Hand),
            (Tenant::Inner, Self::Hand) => Some(Self::Nested),
            _ => None,
        }
    }
}

impl Target {
    /// Does it name the entry of this row in this family, if its value has this author?
    pub(crate) fn covers(self, family: Family, id: u32, author: u64) -> bool {
        match self {
            Self::Key(of, row) => of == family && row == id,
            Self::Family(of) => of == family,
            Self::Row(row) => row == id && family != Family::Own,
            Self::Group(group) => family == Family::Tagged && id % GROUPS == group,
            Self::Author(of) => family.tells_its_author() && of == author,
            Self::Authors => family.tells_its_author(),
            Self::Glob | Self::All => true,
        }
    }
}

/// The author of a version.
pub(crate) fn author_of(version: u64) -> u64 {
    version % u64::from(GROUPS)
}
