//! What a person wants to know of an entry: whether it is used, and if not, why.

use std::time::Duration;

use serde::Serialize;

use crate::ctl::out::{Out, Paint};
use crate::ctl::units;
use crate::entry::{Compression, Outline, key_hash};
use crate::redis::{Removal, Survey, since};

/// Whether readers use what is stored at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Readers use it.
    Fresh,
    /// It is past its TTL. Readers use it only as their `stale` options allow.
    Expired,
    /// A removal has made it stale: no reader uses it.
    Stale,
    /// It was written under another ledger or on another run of the server: no reader uses it.
    Cold,
    /// It was renamed or copied from another key: no reader uses it.
    Misplaced,
    /// A load is under way.
    Loading,
    /// A load has just failed.
    Failed,
    /// It is damaged, or of another format: a miss.
    Unreadable,
    /// Another namespace of this library wrote it.
    OtherNamespace,
    /// Not written by this library: never used, overwritten or deleted.
    Foreign,
}

impl State {
    /// As in JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Expired => "expired",
            Self::Stale => "stale",
            Self::Cold => "cold",
            Self::Misplaced => "misplaced",
            Self::Loading => "loading",
            Self::Failed => "failed",
            Self::Unreadable => "unreadable",
            Self::OtherNamespace => "other_namespace",
            Self::Foreign => "foreign",
        }
    }

    pub(super) fn painted(self, out: &Out) -> String {
        let paint = match self {
            Self::Fresh => Paint::Green,
            Self::Expired | Self::Loading | Self::Failed => Paint::Yellow,
            Self::Stale | Self::Cold | Self::Misplaced | Self::Unreadable => Paint::Red,
            Self::OtherNamespace | Self::Foreign => Paint::Dim,
        };
        out.paint(paint, self.word())
    }

    /// Whether it is an entry that no reader uses.
    pub(super) fn is_stale(self) -> bool {
        matches!(
            self,
            Self::Stale | Self::Cold | Self::Misplaced | Self::Unreadable
        )
    }
}

/// The removal that made an entry stale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct RemovedBy {
    /// `null`: the ledger no longer names it.
    pub(super) pattern: Option<String>,
    pub(super) seconds_ago: Option<f64>,
}

/// The header of an entry, and what follows from it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Described {
    /// Written beside it, because not only entries have a state.
    #[serde(skip)]
    pub(super) state: State,
    pub(super) age_seconds: f64,
    /// Negative: past its TTL.
    pub(super) ttl_left_seconds: f64,
    pub(super) ttl_seconds: f64,
    pub(super) load_ms: u32,
    pub(super) codec: &'static str,
    pub(super) compression: Option<&'static str>,
    /// The value is `None`.
    pub(super) none: bool,
    pub(super) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) removed_by: Option<RemovedBy>,
}

impl Described {
    pub(super) fn of(survey: &Survey, key: &str, outline: &Outline<'_>) -> Self {
        let now = survey.server_millis();
        let tags: Vec<&str> = outline.tags.clone().into_iter().flatten().collect();
        let removal = survey.removal(&outline.stamp, key, &tags);
        let deadline = outline.written_ms.saturating_add(outline.ttl_ms);
        let state = match &removal {
            _ if outline.stamp.key != key_hash(key) => State::Misplaced,
            Removal::Elsewhere => State::Cold,
            Removal::By(..) | Removal::Forgotten => State::Stale,
            Removal::None if deadline <= now => State::Expired,
            Removal::None => State::Fresh,
        };
        let removed_by = match removal {
            Removal::By(pattern, number) => Some(RemovedBy {
                pattern: Some(pattern.to_string()),
                seconds_ago: Some(seconds(since(number, now))),
            }),
            Removal::Forgotten => Some(RemovedBy {
                pattern: None,
                seconds_ago: None,
            }),
            Removal::None | Removal::Elsewhere => None,
        };
        Self {
            state,
            age_seconds: difference(now, outline.written_ms),
            ttl_left_seconds: difference(deadline, now),
            ttl_seconds: seconds(Duration::from_millis(outline.ttl_ms)),
            load_ms: outline.load_ms,
            codec: outline.codec.as_str(),
            compression: outline.packed.map(|packed| match packed {
                Compression::Zstd => "zstd",
                Compression::Lz4 => "lz4",
            }),
            none: outline.none,
            tags: tags.into_iter().map(str::to_owned).collect(),
            removed_by,
        }
    }

    /// `bincode`, `json+zstd`, `none`
    pub(super) fn encoding(&self) -> String {
        match self.compression {
            _ if self.none => "none".to_owned(),
            Some(compression) => format!("{}+{compression}", self.codec),
            None => self.codec.to_owned(),
        }
    }

    /// Why no reader uses it.
    pub(super) fn reason(&self) -> Option<String> {
        match self.state {
            State::Stale => Some(match &self.removed_by {
                Some(RemovedBy {
                    pattern: Some(pattern),
                    seconds_ago: Some(ago),
                }) => format!("removed {} ago by `{pattern}`", time(*ago)),
                _ => "removed so long ago that the ledger no longer names the pattern".to_owned(),
            }),
            State::Cold => Some(
                "written before the server restarted or was replaced, or under a ledger that was lost"
                    .to_owned(),
            ),
            State::Misplaced => Some("renamed or copied from another key".to_owned()),
            _ => None,
        }
    }
}

/// Seconds as people write them; a negative number keeps its sign.
pub(super) fn time(seconds: f64) -> String {
    let text = units::duration(Duration::try_from_secs_f64(seconds.abs()).unwrap_or(Duration::MAX));
    match seconds < 0.0 {
        true => format!("-{text}"),
        false => text,
    }
}

fn difference(later: u64, earlier: u64) -> f64 {
    (i128::from(later) - i128::from(earlier)) as f64 / 1_000.0
}

fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1_000.0
}
