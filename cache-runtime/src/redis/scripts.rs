//! The Lua scripts, loaded once per connection: each is one atomic step, and none walks more than it is given.

/// Scripts by their place in [`SOURCES`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Script {
    Plant,
    Store,
    Release,
    Renew,
    Lock,
    RemoveKeys,
    RemoveRange,
    Page,
    Reindex,
    Indexed,
    Count,
}

impl Script {
    /// Its name in spans and figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plant => "plant",
            Self::Store => "store",
            Self::Release => "release",
            Self::Renew => "renew",
            Self::Lock => "lock",
            Self::RemoveKeys => "remove_keys",
            Self::RemoveRange => "remove_range",
            Self::Page => "page",
            Self::Reindex => "reindex",
            Self::Indexed => "indexed",
            Self::Count => "count",
        }
    }
}

pub(super) const SOURCES: [&str; 11] = [
    include_str!("plant.lua"),
    include_str!("store.lua"),
    include_str!("release.lua"),
    include_str!("renew.lua"),
    include_str!("lock.lua"),
    include_str!("remove_keys.lua"),
    include_str!("remove_range.lua"),
    include_str!("page.lua"),
    include_str!("reindex.lua"),
    include_str!("indexed.lua"),
    include_str!("count.lua"),
];
