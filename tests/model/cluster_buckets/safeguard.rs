//! What keeps the protocol coherent, one switch each.

/// One safeguard of the protocol. The model can be explored without any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Safeguard {
    /// The caller of a removal is told `durable` when the owners of all buckets have run it.
    AckAfterAll,
    /// `ASK` is not followed to the node that imports the slot.
    FollowNothing,
    /// `MOVED` and `ASK` end the bucket's link.
    LeaveOnMoved,
    /// A link to a node that has lost the bucket ends before the bucket is back there (the heartbeat is sent each second).
    LeaveBeforeReturn,
    /// The deletion of a key that has moved to another node is pushed to those who have read it.
    DeletionPushes,
    /// A push comes before the reply to whatever the node runs later on the same connection.
    Order,
    /// A link subscribes before it opens.
    SubscribeFirst,
    /// The bucket's memory is emptied when a link opens.
    Flush,
    /// A value that was loaded while a link was not heard is not kept in memory: the link goes on, and memory is not emptied.
    NoFillUnheard,
    /// Entries and leases tell the run and reign of the master.
    RunInOrigin,
    /// They tell the birth of the ledger.
    BirthInOrigin,
    /// A message of another birth ends the link, and does not teach it that birth.
    OneBirth,
    /// A removal that waits shuts the keys of its bucket in this process.
    Shut,
    /// What a process removes leaves its own memory, and is known to it, before the caller is told.
    LocalPass,
    /// Removals of the last seconds run once more where a link finds another run.
    RepeatRecent,
    /// A load's number is what was known when its lease was known to stand, not when it stores.
    NumberAtLease,
    /// A call's own removal lifts its load's number only if nothing else has come since the load began.
    LiftOnlyAlone,
}
