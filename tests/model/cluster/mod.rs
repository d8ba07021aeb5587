//! The protocol on Redis Cluster: several buckets of keys, each on some master, and one ledger, on some master. This design
//! is not the one that is built, which has a ledger in each bucket: see `cluster_buckets`.
//!
//! A *bucket* is the set of keys with one hash tag; its *owner* is the master that owns that slot. The *era* of a number
//! is the run and reign of the ledger's master, and the ledger's birth. The *origin* of an entry or a lease is the run
//! and reign of the bucket's owner, and the era. A bucket is *open* while a process may read entries from it; while it is
//! closed, calls run their bodies.
//!
//! # What is in the model
//!
//! Each bucket has one key. A process has one connection for each bucket, with one queue of pushes and replies, and asks
//! the ledger's master over another connection, so that nothing orders the two. (Where they share a connection, fewer
//! things can happen.) Slots move and come back; replicas that lag are promoted, and the old master goes on answering for
//! a while, then becomes a replica; ledgers are evicted; connections are cut; removals time out between two steps. Flights
//! that several calls share, the journal's file, tags, folding and pruning are in the model of one server.
//!
//! # Rules for a removal by pattern
//!
//! 1. It is *recorded* once, in the ledger, which gives it a number; then it is *published* in every bucket, as era,
//!    number and pattern; when every bucket's owner has run that, the caller is told (`AckAfterPublish`). The era is that
//!    of the connection over which it was recorded. The process applies its own removal to its copy of the ledger and to
//!    its memory when it has the number, before it publishes (`LocalPass`).
//! 2. A node that is not the owner redirects (`MOVED`). The publication, not the record, is repeated at the owner
//!    (`FollowMoved`).
//! 3. A publication counts only with a proof that the node is the owner (`ProveOwner`): in the same pipeline, behind
//!    `SPUBLISH`, a write on a key of that bucket, such as `DEL` of a name that no key has. A number, or `ASK`, which only
//!    an owner replies, is the proof; `MOVED` is not; any other error is a failure. `SPUBLISH` alone proves nothing: a
//!    replica accepts it, and so does a node that has lost the cluster, where `cluster-allow-pubsubshard-when-down` is
//!    `yes`, the default. Do not publish in a script that names a key: while a slot is moving, `ASK` would send it to the
//!    node that imports the slot, where nobody can subscribe.
//! 4. A removal that fails or times out before its last publication is queued, and shuts what it covers in this process
//!    (`Shut`), until its replay has been recorded *and* published everywhere.
//! 5. When a process learns that a bucket's owner or the ledger's master was deposed, it repeats, with record and
//!    publications, the removals that it has under way or that were acknowledged in the last seconds (`RepeatRecent`).
//!
//! A removal by name goes to the owner of its key, and follows `MOVED` and `ASK`.
//!
//! # Rules for a reader
//!
//! 6. A process subscribes to a bucket on the connection over which it reads it (`OneConnection`); then it sends the
//!    question for the ledger (`SubscribeFirst`); and when the ledger is there, the bucket is open (`LedgerFirst`).
//!    That the node is a master, and its run and reign, is asked after the subscription: replicas accept subscriptions.
//! 7. The ledger comes over another connection than the pushes, so it may be older than they are. It is *merged* into
//!    what the process knows: the larger number of each pattern (`Merge`).
//! 8. It is read whole, or from a number up to which the process is known to have everything: the counter of an earlier
//!    read. The largest number heard in a push is no such number (`WholeRead`): publications of two removals arrive in
//!    either order, or only the later one arrives.
//! 9. The end of the subscription closes the bucket (`CloseOnUnsubscribe`), and so does `MOVED`, which no read follows
//!    (`CloseOnMoved`): a subscription may stand at a replica, which redirects reads and ends no subscription. A closed
//!    bucket opens by rule 6 only. Its memory is not used while it is closed, and is emptied when it opens (`Flush`).
//! 10. A push of another era teaches no number. It closes all buckets, until the ledger has been read by a question that
//!     was sent after the push was handled (`EraFromReads`, `ReadAfterPush`). Only such a read changes the era: pushes of
//!     an earlier era may come after those of a later one.
//! 11. Reigns of the ledger's master are ordered, by its configuration epoch, which pushes carry. Once a process has heard
//!     of a reign, the reply of an earlier one opens nothing, and a push of an earlier one is ignored (`ReignOrder`).
//!     Else it asks the deposed master again, and is told that nothing has changed.
//! 12. On a new connection to the ledger's master the ledger is read anew, with all buckets closed (`ReadOnNewLedger`).
//! 13. An entry is used only if its whole origin is what the reader knows: the owner's run and reign (`NodeInOrigin`), for
//!     its replica may lack a removal by name; the ledger's birth (`BirthInEra`); the run and reign of the ledger's master
//!     (`LedgerReignInEra`), for its replica may lack the latest patterns *and numbers*, and gives those numbers again.
//! 14. A load's number and origin are what the process knows when its lease is known to stand (`NumberAtLease`,
//!     `OriginAtLease`), not when it stores.
//!
//! # Rules for a call that removes its own prefix
//!
//! 15. The script that records it tells whether anything else that covers the key is newer than the load. If nothing is,
//!     and the era is the load's, the load gets the removal's number (`LiftOnlyAlone`).
//! 16. The call's lease is stamped with that number, by compare-and-set, before the bucket hears of the removal (`Stamp`),
//!     else readers take the place of the lease. The pipeline is: stamp, `SPUBLISH`, proof.
//!
//! # What needs no rule
//!
//! A process may know of number n + 1 and not yet of n, and load under n + 1. Both removals were called before the load
//! began, so the load reads what their callers wrote. And whoever reads after n was acknowledged has the push of n. What
//! one bucket has taught may be used in all of them.
//!
//! A ledger that is found missing is born by whoever asks, and that is not published: entries of the earlier birth stay
//! in use until the next removal, which tells every bucket of the new era.
//!
//! # What is not promised
//!
//! A process that reads a bucket from a deposed master, or whose last question about the ledger was answered by one, may
//! miss removals: until it asks the node for its role, once a second, if the node has been demoted; or, if it is cut off,
//! until it replies `CLUSTERDOWN`, after `cluster-node-timeout`. Its `ROLE` says `master` meanwhile. So
//! `cluster-allow-reads-when-down` must be `no`, the default. A removal that a deposed master has run becomes binding for
//! all when it is repeated (rule 5). The model exempts such reads, as the one of one server does, and requires that at
//! rest nobody would use anything stale.

mod configurations;
mod faults;
mod ledger;
mod link;
mod node;
mod properties;
mod protocol;
mod reader;
mod safeguard;
mod state;
mod tests;
mod writer;
