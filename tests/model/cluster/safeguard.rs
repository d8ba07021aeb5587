//! What keeps the protocol coherent, one switch each.

/// One safeguard of the protocol. The model can be explored without any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Safeguard {
    /// The caller of a removal is told when every bucket has been told, not when the ledger has.
    AckAfterPublish,
    /// A removal that finds a bucket moved is published at the new owner, too.
    FollowMoved,
    /// A publication counts only if the node proves, by a write behind it, that it owns the bucket.
    ProveOwner,
    /// A bucket is read over the connection that it is subscribed on.
    OneConnection,
    /// A bucket is subscribed before the ledger is read.
    SubscribeFirst,
    /// Its entries are read when the ledger has been read.
    LedgerFirst,
    /// The end of a subscription closes the bucket.
    CloseOnUnsubscribe,
    /// A redirection closes the bucket, and is not followed by reads.
    CloseOnMoved,
    /// An entry tells the run and reign of its bucket's master.
    NodeInOrigin,
    /// It tells the ledger's birth.
    BirthInEra,
    /// It tells the run and reign of the ledger's master.
    LedgerReignInEra,
    /// A push of another era than the known one teaches nothing: it closes the buckets until the ledger is read anew.
    EraFromReads,
    /// That must be a read that was sent after the push.
    ReadAfterPush,
    /// A read that tells of an earlier reign than a push did opens nothing, and a push of an earlier reign is nothing new.
    ReignOrder,
    /// The ledger that is read is merged with what pushes have taught meanwhile.
    Merge,
    /// All of it is taken, not only what is newer than the largest number known.
    WholeRead,
    /// On a new connection to the ledger's master, the ledger is read anew.
    ReadOnNewLedger,
    /// A load's number is what was known when its lease was known to stand.
    NumberAtLease,
    /// So is its origin.
    OriginAtLease,
    /// What a process removes leaves its own memory, and is known to it, before the caller is told.
    LocalPass,
    /// The memory of a bucket is emptied when the bucket is opened.
    Flush,
    /// A removal that is not acknowledged shuts what it covers.
    Shut,
    /// Removals of the last seconds run once more where a master proves to have been deposed.
    RepeatRecent,
    /// A call's own removal lifts its load's number only if nothing else has come since the load began.
    LiftOnlyAlone,
    /// The own lease gets its new number before the bucket hears of the removal.
    Stamp,
}
