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
