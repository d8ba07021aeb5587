//! What keeps the protocol coherent, one switch each.

/// One safeguard of the protocol. The model can be explored without any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Safeguard {
    /// A push comes before the reply to whatever Redis runs later on the same connection.
    Order,
    /// An entry is stale if a pattern that covers it has a larger number.
    Number,
    /// Entries and leases tell the birth of the ledger that their number is from.
    Birth,
    /// Entries and leases tell the run of the server.
    Run,
    /// They tell which reign of that run it is.
    Reign,
    /// A load's number is taken when its lease is known to stand, not when its value is there.
    NumberAtLease,
    /// So is its origin: an entry does not tell the one under which it is stored.
    OriginAtLease,
    /// A store replaces only its own lease, or the very entry that a refresh read.
    CompareAndSet,
    /// A refresh replaces the very entry that it read, not any.
    RefreshIdentity,
    /// A removal takes the flights that it covers out of circulation.
    Retire,
    /// A load that had begun before a reader came is shared only on the verdict of its store.
    Verdict,
    /// There is no such verdict if something newer covers.
    VerdictNumber,
    /// A reader that accepts no push delay sends its own `GET`.
    OwnGet,
    /// It takes nobody else's reply.
    HitsOfOthers,
    /// It does not share the verdict of a store that was sent before it came.
    AskedLater,
    /// A push or a local removal keeps a reply that is under way out of memory.
    Guard,
    /// What began before a switch, or before "everything changed", does not fill memory.
    Fence,
    /// Memory is emptied at the switch back to Redis.
    Flush,
    /// Raising the fence, emptying memory and opening Redis are one step for those who begin a load.
    OneStepSwitch,
    /// What a waiting removal covers is not read from Redis, not stored, not shared.
    Shut,
    /// Memory and flights are cleared of what a removal covers after Redis has run it, before it is acknowledged.
    LocalPass,
    /// A removal's number is taken from its reply as well.
    NumberFromReply,
    /// A reply of another birth than the known one teaches no number.
    ReplyBirth,
    /// Without pushes, the reply to a removal does not tell that all smaller numbers are known.
    PullCursor,
    /// A process reads the ledger on each new connection.
    Reload,
    /// It subscribes before it reads the ledger.
    SubscribeFirst,
    /// A flight that a removal by tag may concern is judged when its tags are known.
    Suspects,
    /// What memory takes is checked against the ledger as it is known then.
    FillChecksLedger,
    /// A call's own removal spares its own lease, and no other that stands at the same key.
    SpareOwnOnly,
    /// A call's own removal lifts its load's number only if nothing else has come since the load began.
    LiftOnlyAlone,
    /// Redis tells so, and not what the process has heard.
    LiftSeesAll,
    /// Folded patterns have the largest of their numbers.
    FoldLargest,
    /// Pruned patterns leave a floor.
    FloorAtPruning,
    /// A put that may not have stored removes the key.
    PutRemoves,
    /// A waiter inherits a lease only if it is known to stand; else it plants its own.
    ConfirmedHandOver,
    /// A flight that a reader refused to join, and replaced, fills memory no more.
    AbandonedRetires,
    /// A flight that was taken out of circulation stays out, whoever leads it now.
    RetiredStays,
    /// A replayed removal leaves the journal when its number is known.
    ReplayNumber,
    /// Removals that were acknowledged lately run once more on a new connection.
    RepeatRecent,
    /// A replayed removal counts as recently acknowledged.
    ReplayIsRecent,
    /// The seconds for which an acknowledged removal is kept do not run out during the outage.
    RecentOutlastsOutage,
}
