//! The protocol on Redis Cluster, as it is built: several buckets of keys, each on some master, and *a ledger in each
//! bucket*, in the same slot as the bucket's entries.
//!
//! The folder `cluster` explores the alternative that was not built: one ledger for all buckets. There the ledger is on
//! another server than the entries, so the order of pushes and replies, on which the proof rests, does not follow from one
//! connection, and many more rules are needed. Here each bucket is what a single server is otherwise. This model is about
//! what a cluster adds: removals in parts, slots that move, masters that are replaced, messages that arrive late.
//!
//! # What is in the model
//!
//! Two buckets, on two masters, each with one key. A process has a link to the owner of each bucket. What goes wrong,
//! goes wrong in the first bucket; the second one shows that it is not affected. The slot of a bucket moves key by key,
//! the ledger before the entry or after it. A master hands over to its replica; or it is killed, and a replica that lags
//! is promoted; or such a replica is promoted while the master goes on answering for a while. A ledger is evicted. A link
//! is cut. A script times out, before it has run or after. A number is the last one plus one, as it is in Redis where the
//! server's clock is behind.
//!
//! Flights that several calls share, the journal's file, tags, folding, pruning and links without pushes are in the model
//! of one server. A master that is replaced while its slot moves is in no model.
//!
//! # Rules
//!
//! 1. A removal by pattern has a part in each bucket: one script at the owner raises the number, records the pattern, and
//!    publishes it. The caller is told `durable` when all parts are acknowledged (`AckAfterAll`).
//! 2. A part that is refused (`MOVED`, `ASK`), that gets no answer, or that finds no link waits in the bucket's journal.
//!    The caller is told `queued`, and the bucket's keys are shut in this process until the part has been replayed
//!    (`Shut`). The parts that ran bind everybody.
//! 3. A link subscribes (`SubscribeFirst`), then runs the open script, which reads the ledger, or creates one. Only the
//!    owner runs it. Pushes and replies keep their order, as they come over one connection (`Order`).
//! 4. `MOVED` and `ASK` end the link (`LeaveOnMoved`), and are not followed (`FollowNothing`): at the node that imports a
//!    slot a second ledger would begin, which no reader hears of. While a slot moves, its old owner answers for the keys
//!    that it still has, and creates none.
//! 5. The bucket's memory is emptied when a link opens (`Flush`). The old owner pushes the deletion of each key that has
//!    moved (`DeletionPushes`).
//! 6. An entry is used only if its origin is the link's: the master's run and reign (`RunInOrigin`), and the ledger's birth
//!    (`BirthInOrigin`).
//! 7. The cluster passes messages on to the subscribers at other nodes, late or never. A message of another birth than the
//!    known one ends the link (`OneBirth`): it may be an old one.
//! 8. Where a link finds another run than the link before it, the removals of the last seconds wait once more, before the
//!    link is used (`RepeatRecent`).
//! 9. A link that was not heard for two seconds is not used, and not given up either. What is loaded meanwhile stays out of
//!    memory (`NoFillUnheard`): once the link is heard again, memory is used, and Redis pushes nothing about a key that it was
//!    not asked for.
//! 10. As on one server: a process applies its own removal before it acknowledges it (`LocalPass`); a load's number is that
//!     of the moment when its lease is known to stand (`NumberAtLease`); a call's own removal lifts that number if nothing
//!     else has come since (`LiftOnlyAlone`).
//!
//! # What is promised
//!
//! A read that starts when a removal has been acknowledged in a bucket gets no older value from Redis, in any process. The
//! caller's process gets none from memory either; another one may until the push arrives. A removal that waits binds its
//! own process at once, and everybody when its replay is acknowledged. When nothing is under way, nobody would use
//! anything stale. Reads from a master that is deposed and goes on answering are exempt.
//!
//! # What needs more
//!
//! A bucket that comes back to a master has the origin that it had there. If it has lost removals on its way, because a
//! replica that lagged was promoted, entries that they covered could be used again. So a ledger belongs to one run: the
//! open script replaces a ledger of another run by a new one (`born_for_one_run`; `open.lua`). The configurations with one
//! move or one failover do without it.
//!
//! A late message may be of a removal that was lost in a failover: its number is none of this ledger, and the new master,
//! whose clock may be behind, may give that number to another removal. As a ledger belongs to one run, such a message names
//! another birth, and ends the link. (Messages that name the run, `run_in_messages`, would do as well.)
//!
//! A bucket may move to another master *and back* before a link at the first one has sent a command or a heartbeat. The
//! link then goes on, and lacks what was removed meanwhile, if the message of that over the bus is lost, too. The next
//! heartbeat ends the link, since the ledger has another birth by then; and a link that was not heard for two seconds is
//! not asked. The model supposes that it has ended at once (`LeaveBeforeReturn`). If each link had read a key of the bucket
//! that never changes (`marked`), the push of its deletion would end it.

mod configurations;
mod faults;
mod link;
mod node;
mod properties;
mod protocol;
mod reader;
mod safeguard;
mod state;
mod tests;
mod writer;
