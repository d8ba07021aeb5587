//! The Lua scripts, loaded once per connection. Each is one atomic step, and none walks more than its arguments ask
//! for.

/// Scripts by their place in [`SOURCES`].
#[derive(Clone, Copy, Debug)]
pub(in crate::redis) enum Script {
    Plant,
    Store,
    Overwrite,
    Release,
    Renew,
    Lock,
    RemoveKeys,
    Record,
    Open,
    Tend,
    Fold,
    Unlink,
    Sweep,
}

impl Script {
    /// Its name in spans and metrics.
    pub(in crate::redis) fn name(self) -> &'static str {
        match self {
            Self::Plant => "plant",
            Self::Store => "store",
            Self::Overwrite => "overwrite",
            Self::Release => "release",
            Self::Renew => "renew",
            Self::Lock => "lock",
            Self::RemoveKeys => "remove_keys",
            Self::Record => "record",
            Self::Open => "open",
            Self::Tend => "tend",
            Self::Fold => "fold",
            Self::Unlink => "unlink",
            Self::Sweep => "sweep",
        }
    }
}

pub(in crate::redis) const SOURCES: [&str; 13] = [
    include_str!("plant.lua"),
    include_str!("store.lua"),
    include_str!("overwrite.lua"),
    include_str!("release.lua"),
    include_str!("renew.lua"),
    include_str!("lock.lua"),
    include_str!("remove_keys.lua"),
    include_str!("record.lua"),
    include_str!("open.lua"),
    include_str!("tend.lua"),
    include_str!("fold.lua"),
    include_str!("unlink.lua"),
    include_str!("sweep.lua"),
];
