//! What keeps the protocol coherent, one switch each.

/// One safeguard of the protocol. The model can be explored without any one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Safeguard {
    /// A store replaces only its own lease, or the very entry that a refresh read.
    CompareAndSet,
    /// A local removal takes the flights that it names out of circulation.
    Retire,
    /// A load that had begun before a reader came is shared only on the verdict of its store.
    Verdict,
    /// A reader that accepts no push delay sends its own `GET` and shares nobody else's reply.
    OwnGet,
    /// A push or a local removal keeps a reply that is under way out of memory.
    Guard,
    /// What began before a switch, or before "everything changed", does not fill memory.
    Fence,
    /// Memory is emptied at the switch back to Redis.
    Flush,
    /// While the journal holds anything, this process does not read Redis.
    Shut,
    /// Memory and flights are cleared of the key *after* the removal in Redis, too.
    LocalPass,
    /// An entry of another run of the server is a miss.
    EntryRun,
    /// A lease is good only on the connection that planted it.
    LeaseRun,
    /// Removals that were acknowledged lately run once more on a new connection.
    RepeatRecent,
    /// A call's own removal spares its own lease, and no other that stands at the same key.
    SpareOwnOnly,
    /// A lease whose tags only the result will tell is indexed under their literal beginning.
    OpenTags,
    /// A rebuild of the index removes leases whose members are lost.
    OrphanLeases,
    /// A put that has lost its token removes the key.
    PutRemoves,
    /// A waiter inherits a lease only if it is known to stand; else it plants its own.
    ConfirmedHandOver,
    /// A flight that a reader refused to join, and replaced, fills memory no more.
    AbandonedRetires,
    /// Raising the fence, emptying memory and opening Redis are one step for those who begin a load.
    OneStepSwitch,
    /// A reader that accepts no push delay does not share a verdict that was asked for before it came.
    VerdictAskedLater,
    /// A verdict counts only on the connection that is still current.
    VerdictOnCurrent,
    /// A removal by tag looks at leases with open tags before it looks at entries with known ones.
    OpenTagsFirst,
    /// A refresh whose tags only the result will tell has a member in the index like such a lease, and stores only while
    /// that member stands.
    RefreshIndexed,
    /// A walk over the index looks at the completeness marker in the same step as at each page.
    MarkerEachPage,
    /// A replayed removal counts as recently acknowledged.
    ReplayIsRecent,
    /// The seconds for which an acknowledged removal is kept do not run out during the outage.
    RecentOutlastsOutage,
}
