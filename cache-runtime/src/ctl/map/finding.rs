//! One finding.

use serde::Serialize;

use crate::ctl::map::function::Place;

/// Something that is wrong, or unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Finding {
    pub(super) at: Place,
    pub(super) kind: Kind,
    pub(super) function: String,
    pub(super) what: String,
    pub(super) remedy: String,
}

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A removal that concerns no entry.
    Unmatched,
    /// An entry that nobody removes.
    Unremoved,
    /// A writer of a table that does not remove what was read from it.
    Forgotten,
    /// A comment that says nothing that is understood.
    Comment,
    /// The source does not show it.
    Unknown,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unmatched => "unmatched",
            Self::Unremoved => "unremoved",
            Self::Forgotten => "forgotten",
            Self::Comment => "comment",
            Self::Unknown => "unknown",
        }
    }
}
