//! Values that a process keeps and Redis does not have: those of functions that are not `async`.
//!
//! There is one key. A *reader* keeps a value of it in its memory, and Redis does not tell it when the key is removed, because
//! it has never read the key there. It asks for the names of removed keys by a mark in the ledger, which its heartbeat sets. A
//! *writer* changes the row, and then removes the key by its name, or by a pattern that covers it. A removal by name does not
//! touch the ledger: its script publishes the name if the ledger has the mark, or if there is no ledger. The ledger may be lost
//! at any time; the next heartbeat, or the next removal by a pattern, also by one that does not cover the key, begins another.
//! A reader may lose its connection. Until it has another one, its loads fill its memory as those of all functions do.
//!
//! Redis runs a script at once. What it sends to a reader waits in the queue of the connection. A connection's own message comes
//! before the answer, or after it.
//!
//! What is promised: when a reader has handled everything that Redis has sent, it has no older value in memory than the last
//! removal allows.

use std::collections::HashSet;

use crate::explore::{Explored, Model, explore};
use crate::larger::full;
use crate::protocol::Step;

const READERS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Safeguard {
    /// A value is kept only if its load began when the mark was set.
    MarkFirst,
    /// The mark counts from the answer of the heartbeat on.
    Answered,
    /// It counts only in the ledger that the reader knows.
    SameLedger,
    /// A removal by name is published if the ledger has the mark.
    Publish,
    /// It is published if there is no ledger.
    NoLedger,
    /// A load under way hears of removals.
    Retire,
    /// The message of another ledger empties memory.
    Emptied,
    /// What was loaded before another ledger or connection is not kept after it.
    Fence,
    /// Memory is emptied when there is another connection.
    Flush,
}

const ALL: [Safeguard; 9] = [
    Safeguard::MarkFirst,
    Safeguard::Answered,
    Safeguard::SameLedger,
    Safeguard::Publish,
    Safeguard::NoLedger,
    Safeguard::Retire,
    Safeguard::Emptied,
    Safeguard::Fence,
    Safeguard::Flush,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ledger {
    birth: u8,
    marked: bool,
}

/// What Redis has sent to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Sent {
    /// The key was removed by its name.
    Name,
    /// A pattern was removed, and whether it covers the key; or, if not, only a ledger has begun.
    Pattern { birth: u8, covers: bool },
    /// The answer to a heartbeat that has set the mark.
    Marked(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Load {
    /// The version that was read.
    read: Option<u8>,
    /// Its value may be kept.
    keeps: bool,
    retired: bool,
    fenced: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Reader {
    connected: bool,
    queue: Vec<Sent>,
    known: u8,
    /// The ledger in which the mark is known to be.
    marked: Option<u8>,
    load: Option<Load>,
    memory: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    ledger: Option<Ledger>,
    births: u8,
    losses: u8,
    /// How often a reader may still lose its connection.
    cuts: u8,
    /// How many removals of other patterns there may still be.
    others: u8,
    /// The version in the database, and whether its removal is still to be made.
    version: u8,
    due: bool,
    /// The oldest version that the last removal allows.
    floor: u8,
    readers: [Reader; READERS],
}

#[derive(Clone, Copy, Debug)]
struct StaleCopy {
    #[allow(dead_code, reason = "printed")]
    reader: usize,
}

#[derive(Clone, Copy, Debug)]
struct Unstored {
    off: Option<Safeguard>,
    versions: u8,
    losses: u8,
    cuts: u8,
    others: u8,
}

type Next = Vec<(Step, State)>;

impl State {
    /// The ledger, or a new one; then its birth is published.
    fn open(&mut self) -> &mut Ledger {
        if self.ledger.is_none() {
            self.births += 1;
            let birth = self.births;
            self.publish(Sent::Pattern {
                birth,
                covers: false,
            });
        }
        let birth = self.births;
        self.ledger.get_or_insert(Ledger {
            birth,
            marked: false,
        })
    }

    fn publish(&mut self, message: Sent) {
        for reader in self.readers.iter_mut().filter(|reader| reader.connected) {
            reader.queue.push(message);
        }
    }
}

impl Unstored {
    fn on(self, safeguard: Safeguard) -> bool {
        self.off != Some(safeguard)
    }

    fn connecting(self, state: &State, at: usize, next: &mut Next) {
        if !state.readers[at].connected {
            add(next, "a reader connects", Some(at), state, |state| {
                let birth = state.open().birth;
                let flushes = self.on(Safeguard::Flush);
                let reader = &mut state.readers[at];
                reader.connected = true;
                reader.known = birth;
                if flushes {
                    reader.memory = None;
                }
                self.fence(reader);
            });
            return;
        }
        if state.cuts > 0 {
            add(
                next,
                "a reader loses its connection",
                Some(at),
                state,
                |state| {
                    state.cuts -= 1;
                    let reader = &mut state.readers[at];
                    reader.connected = false;
                    reader.queue.clear();
                    reader.marked = None;
                    self.fence(reader);
                },
            );
        }
        let reader = &state.readers[at];
        let is_asked = reader
            .queue
            .iter()
            .any(|sent| matches!(sent, Sent::Marked(_)));
        let is_marked = state
            .ledger
            .is_some_and(|ledger| ledger.marked && reader.marked == Some(ledger.birth));
        if is_asked || is_marked {
            return;
        }
        for before in [true, false] {
            if before && state.ledger.is_some() {
                continue;
            }
            add(
                next,
                "a heartbeat sets the mark",
                Some(at),
                state,
                |state| {
                    let ledger = state.open();
                    ledger.marked = true;
                    let answer = Sent::Marked(ledger.birth);
                    let queue = &mut state.readers[at].queue;
                    let place = queue.len() - usize::from(before);
                    queue.insert(place, answer);
                    if !self.on(Safeguard::Answered) {
                        // As if it counted from the question on, which is even before Redis has it.
                        state.readers[at].marked = Some(state.births);
                    }
                },
            );
        }
        if !self.on(Safeguard::Answered) && reader.marked != Some(reader.known) {
            add(next, "a heartbeat is sent", Some(at), state, |state| {
                let reader = &mut state.readers[at];
                reader.marked = Some(reader.known);
            });
        }
    }

    fn hearing(self, state: &State, at: usize, next: &mut Next) {
        let Some(first) = state.readers[at].queue.first().copied() else {
            return;
        };
        let what = match first {
            Sent::Name => "a reader hears a name",
            Sent::Pattern { covers: true, .. } => "a reader hears a pattern that covers the key",
            Sent::Pattern { covers: false, .. } => "a reader hears of something else",
            Sent::Marked(_) => "a reader hears that the mark is set",
        };
        add(next, what, Some(at), state, |state| {
            let reader = &mut state.readers[at];
            reader.queue.remove(0);
            match first {
                Sent::Name => self.forget(reader),
                Sent::Marked(birth) => reader.marked = Some(birth),
                Sent::Pattern { birth, covers } => {
                    if birth != reader.known {
                        reader.known = birth;
                        if self.on(Safeguard::Emptied) {
                            reader.memory = None;
                        }
                        self.fence(reader);
                    }
                    if covers {
                        self.forget(reader);
                    }
                }
            }
        });
    }

    fn loading(self, state: &State, at: usize, next: &mut Next) {
        match state.readers[at].load {
            None if state.readers[at].memory.is_none() => {
                add(next, "a load begins", Some(at), state, |state| {
                    let reader = &mut state.readers[at];
                    let is_marked = match self.on(Safeguard::SameLedger) {
                        true => reader.marked == Some(reader.known),
                        false => reader.marked.is_some(),
                    };
                    reader.load = Some(Load {
                        read: None,
                        keeps: !reader.connected || is_marked || !self.on(Safeguard::MarkFirst),
                        retired: false,
                        fenced: false,
                    });
                });
            }
            None => {}
            Some(Load { read: None, .. }) => {
                add(next, "a load reads the row", Some(at), state, |state| {
                    let version = state.version;
                    if let Some(load) = &mut state.readers[at].load {
                        load.read = Some(version);
                    }
                });
            }
            Some(load) => add(next, "a load ends", Some(at), state, |state| {
                let reader = &mut state.readers[at];
                reader.load = None;
                if load.keeps && !load.retired && !load.fenced {
                    reader.memory = load.read;
                }
            }),
        }
    }

    fn writing(self, state: &State, next: &mut Next) {
        if state.due {
            add(
                next,
                "the key is removed by its name",
                None,
                state,
                |state| {
                    let publishes = match state.ledger {
                        None => self.on(Safeguard::NoLedger),
                        Some(ledger) => ledger.marked && self.on(Safeguard::Publish),
                    };
                    if publishes {
                        state.publish(Sent::Name);
                    }
                    state.due = false;
                    state.floor = state.version;
                },
            );
            add(
                next,
                "the key is removed by a pattern",
                None,
                state,
                |state| {
                    let birth = state.open().birth;
                    state.publish(Sent::Pattern {
                        birth,
                        covers: true,
                    });
                    state.due = false;
                    state.floor = state.version;
                },
            );
        } else if state.version < self.versions {
            add(next, "the row is changed", None, state, |state| {
                state.version += 1;
                state.due = true;
            });
        }
        if state.others > 0 {
            add(next, "another pattern is removed", None, state, |state| {
                state.others -= 1;
                let birth = state.open().birth;
                state.publish(Sent::Pattern {
                    birth,
                    covers: false,
                });
            });
        }
        if state.ledger.is_some() && state.losses > 0 {
            add(next, "the ledger is lost", None, state, |state| {
                state.losses -= 1;
                state.ledger = None;
            });
        }
    }

    fn forget(self, reader: &mut Reader) {
        reader.memory = None;
        if let Some(load) = &mut reader.load {
            load.retired |= self.on(Safeguard::Retire);
        }
    }

    fn fence(self, reader: &mut Reader) {
        if let Some(load) = &mut reader.load {
            load.fenced |= self.on(Safeguard::Fence);
        }
    }
}

fn add(
    next: &mut Next,
    what: &'static str,
    reader: Option<usize>,
    state: &State,
    change: impl FnOnce(&mut State),
) {
    let mut state = state.clone();
    change(&mut state);
    let process = reader.map(|at| u8::try_from(at).expect("few readers"));
    next.push((Step { what, process }, state));
}

impl Model for Unstored {
    type State = State;
    type Broken = StaleCopy;

    fn start(&self) -> State {
        State {
            ledger: None,
            births: 0,
            losses: self.losses,
            cuts: self.cuts,
            others: self.others,
            version: 0,
            due: false,
            floor: 0,
            readers: Default::default(),
        }
    }

    fn steps(&self, state: &State, next: &mut Next) {
        for at in 0..READERS {
            self.connecting(state, at, next);
            self.hearing(state, at, next);
            self.loading(state, at, next);
        }
        self.writing(state, next);
    }

    fn broken(&self, state: &State) -> Option<StaleCopy> {
        let stale = |reader: &Reader| {
            reader.connected
                && reader.queue.is_empty()
                && reader.memory.is_some_and(|version| version < state.floor)
        };
        let reader = state.readers.iter().position(stale)?;
        Some(StaleCopy { reader })
    }

    fn canonical(mut state: State) -> State {
        state.readers.sort_unstable();
        state
    }
}

/// Connections are lost, or other patterns are removed. Both together are a larger configuration.
const SMALL: [Unstored; 2] = [
    Unstored {
        off: None,
        versions: 1,
        losses: 1,
        cuts: 1,
        others: 0,
    },
    Unstored {
        off: None,
        versions: 1,
        losses: 1,
        cuts: 0,
        others: 1,
    },
];

fn explored(model: Unstored) -> Explored<StaleCopy> {
    let explored = explore(&model);
    println!(
        "{model:?}: {} states, depth {}",
        explored.states, explored.depth
    );
    if let Some(violation) = &explored.violation {
        println!("{violation}");
    }
    explored
}

#[test]
fn what_redis_does_not_have_is_removed_from_memory_all_the_same() {
    let mut taken = HashSet::new();
    for model in SMALL {
        let explored = explored(model);
        assert!(explored.violation.is_none());
        taken.extend(explored.taken);
    }
    for step in [
        "a reader loses its connection",
        "a heartbeat sets the mark",
        "a reader hears a name",
        "a reader hears a pattern that covers the key",
        "a reader hears of something else",
        "a reader hears that the mark is set",
        "a load ends",
        "the key is removed by its name",
        "the key is removed by a pattern",
        "another pattern is removed",
        "the ledger is lost",
    ] {
        assert!(taken.contains(step), "{step}");
    }
}

#[test]
fn without_any_one_safeguard_a_removed_value_stays() {
    for off in ALL {
        let model = Unstored {
            off: Some(off),
            ..SMALL[0]
        };
        assert!(
            explored(model).violation.is_some(),
            "nothing fails without {off:?}"
        );
    }
}

/// Run with `MODEL_DEPTH=full`, as the other larger configurations.
#[test]
fn larger_unstored_values_are_removed_from_memory() {
    if !full() {
        return;
    }
    for (versions, losses, cuts, others) in [(1, 1, 1, 1), (2, 1, 1, 0), (1, 2, 1, 0)] {
        let model = Unstored {
            off: None,
            versions,
            losses,
            cuts,
            others,
        };
        assert!(explored(model).violation.is_none());
    }
}
