//! The kinds of generated programs: the attribute on their functions, and the crate that it comes from.

use std::path::Path;

/// One of the attributes that are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Nothing.
    Plain,
    /// `#[tracing::instrument]`, the attribute that most services have on such functions anyway.
    Instrument,
    /// `#[cached]` of the crate `cached`, in memory.
    Cached,
    /// `#[cached]` of this repository.
    Ours,
    /// The same on functions that are not `async`.
    #[allow(dead_code, reason = "only a test uses it")]
    OursSync,
}

impl Kind {
    /// All of them, in the order of the table's columns.
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Instrument, Self::Cached, Self::Ours];

    /// What stands before `fn`.
    pub(crate) fn asyncness(self) -> &'static str {
        match self {
            Self::OursSync => "",
            _ => "async ",
        }
    }

    /// What stands behind a call.
    pub(crate) fn awaits(self) -> &'static str {
        match self {
            Self::OursSync => "",
            _ => ".await",
        }
    }

    /// Part of a package's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Instrument => "instrument",
            Self::Cached => "cached",
            Self::Ours => "ours",
            Self::OursSync => "ours-sync",
        }
    }

    /// The line above a function. `key` is a template of ours that names each argument.
    pub(crate) fn attribute(self, key: &str) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Instrument => "#[tracing::instrument]\n".into(),
            Self::Cached => "#[cached::macros::cached(max_size = 10_000, ttl_secs = 300)]\n".into(),
            Self::Ours | Self::OursSync => {
                format!("#[cache_runtime::cached(ttl = \"5m\", key = \"{key}\")]\n")
            }
        }
    }

    /// The lines that the attribute needs in `[dependencies]`, besides what all programs need. Versions are those of the lock file.
    pub(crate) fn dependency(self, repository: &Path) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Instrument => "tracing = \"0.1\"\n".into(),
            Self::Cached => "cached = { version = \"4.1\", features = [\"async\"] }\n".into(),
            Self::Ours | Self::OursSync => format!(
                "cache-runtime = {{ path = {:?} }}\n",
                repository.join("cache-runtime")
            ),
        }
    }
}
