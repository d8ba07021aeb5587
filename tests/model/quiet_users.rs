//! Users who may not `PUBLISH`: nobody may rely on messages then.
//!
//! This model is about who relies on messages, and about nothing else: a message reaches all subscribers at once, a
//! script runs at once, and there is one key. A *reader* may publish. It subscribes, then reads the ledger, and relies on
//! messages unless the ledger is marked. A *quiet* process may not publish. It marks the ledger when it opens it, then
//! counts the subscribers, and uses Redis only if there are none. The ledger may be lost at any time; whoever finds none
//! begins another one. A quiet process may take long to notice that.
//!
//! What is promised: if a removal is acknowledged, no reader that relies on messages has an older value in memory.

use std::hash::Hash;

use crate::explore::{Model, explore};
use crate::protocol::Step;

const READERS: usize = 2;
const QUIET: usize = 2;
/// How often the ledger is lost, and how often something is removed.
const LOSSES: u8 = 2;
const REMOVALS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Safeguard {
    /// A reader subscribes before it reads the ledger.
    SubscribeFirst,
    /// A reader does not rely on messages if the ledger is marked.
    HeedMark,
    /// A quiet process marks the ledger.
    Mark,
    /// It does so before it counts.
    MarkFirst,
    /// It counts the subscribers.
    Count,
    /// A removal that cannot be published is refused in any ledger but the one in which its process has counted.
    SameLedger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ledger {
    birth: u8,
    marked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Away,
    /// It has taken one of the two steps.
    Half {
        subscribed: bool,
        relies: bool,
    },
    /// In memory: the version of the value, if it has one.
    Relying(Option<u8>),
    /// It asks Redis whenever it reads.
    Asking,
}

impl Reader {
    const fn is_subscribed(self) -> bool {
        matches!(
            self,
            Self::Half {
                subscribed: true,
                ..
            } | Self::Relying(_)
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Quiet {
    Away,
    /// The first of its two steps is done; in a ledger of that birth, if it was the mark.
    Half(u8),
    /// It uses Redis. Its ledger has that birth.
    Using(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    ledger: Option<Ledger>,
    births: u8,
    /// The version in the database, and the oldest that acknowledged removals allow.
    version: u8,
    floor: u8,
    readers: [Reader; READERS],
    quiet: [Quiet; QUIET],
}

impl State {
    fn open(&mut self, marks: bool) -> Ledger {
        if self.ledger.is_none() {
            self.births += 1;
        }
        let mut ledger = self.ledger.unwrap_or(Ledger {
            birth: self.births,
            marked: false,
        });
        ledger.marked |= marks;
        self.ledger = Some(ledger);
        ledger
    }

    fn listeners(&self) -> usize {
        let readers = self.readers.iter();
        readers.filter(|reader| reader.is_subscribed()).count()
    }
}

#[derive(Clone, Copy, Debug)]
struct StaleCopy {
    #[allow(dead_code, reason = "printed")]
    reader: usize,
}

struct QuietUsers {
    off: Option<Safeguard>,
}

type Next = Vec<(Step, State)>;

impl QuietUsers {
    fn on(&self, safeguard: Safeguard) -> bool {
        self.off != Some(safeguard)
    }

    fn reader_steps(&self, state: &State, at: usize, next: &mut Next) {
        let mut step = |what, changes: &dyn Fn(&mut State)| {
            let mut state = state.clone();
            changes(&mut state);
            next.push((step_of(what, at), state));
        };
        let finished = |subscribed_first: bool, relies: bool| match (subscribed_first, relies) {
            (_, true) => Reader::Relying(None),
            (_, false) => Reader::Asking,
        };
        match state.readers[at] {
            Reader::Away if self.on(Safeguard::SubscribeFirst) => {
                step("a reader subscribes", &|state| {
                    state.readers[at] = Reader::Half {
                        subscribed: true,
                        relies: true,
                    };
                });
            }
            Reader::Away => step("a reader reads the ledger", &|state| {
                let marked = state.open(false).marked;
                let relies = !marked || !self.on(Safeguard::HeedMark);
                state.readers[at] = Reader::Half {
                    subscribed: false,
                    relies,
                };
            }),
            Reader::Half {
                subscribed: true, ..
            } => step("a reader reads the ledger", &|state| {
                let marked = state.open(false).marked;
                let relies = !marked || !self.on(Safeguard::HeedMark);
                state.readers[at] = finished(true, relies);
            }),
            Reader::Half { relies, .. } => step("a reader subscribes", &|state| {
                state.readers[at] = finished(false, relies);
            }),
            Reader::Relying(None) => step("a reader keeps a copy", &|state| {
                state.readers[at] = Reader::Relying(Some(state.version));
            }),
            Reader::Relying(Some(_)) | Reader::Asking => {}
        }
        if state.readers[at] != Reader::Away {
            step("a reader loses its connection", &|state| {
                state.readers[at] = Reader::Away;
            });
            if state.version < REMOVALS {
                step("a reader removes and publishes", &|state| {
                    state.version += 1;
                    state.floor = state.version;
                    state.open(false);
                    for reader in &mut state.readers {
                        if reader.is_subscribed() {
                            forget(reader);
                        }
                    }
                    forget(&mut state.readers[at]);
                });
            }
        }
    }

    fn quiet_steps(&self, state: &State, at: usize, next: &mut Next) {
        let mut step = |what, changes: &dyn Fn(&mut State)| {
            let mut state = state.clone();
            changes(&mut state);
            next.push((step_of(what, at), state));
        };
        let counts = |state: &State| state.listeners() == 0 || !self.on(Safeguard::Count);
        let marks = self.on(Safeguard::Mark);
        match (state.quiet[at], self.on(Safeguard::MarkFirst)) {
            (Quiet::Away, true) => step("a quiet process marks the ledger", &|state| {
                state.quiet[at] = Quiet::Half(state.open(marks).birth);
            }),
            (Quiet::Half(birth), true) => step("a quiet process counts", &|state| {
                state.quiet[at] = match counts(state) {
                    true => Quiet::Using(birth),
                    false => Quiet::Away,
                };
            }),
            (Quiet::Away, false) if counts(state) => step("a quiet process counts", &|state| {
                state.quiet[at] = Quiet::Half(0);
            }),
            (Quiet::Away, false) => {}
            (Quiet::Half(_), false) => step("a quiet process marks the ledger", &|state| {
                state.quiet[at] = Quiet::Using(state.open(marks).birth);
            }),
            (Quiet::Using(birth), _) => {
                step(
                    "a quiet process notices that it must connect anew",
                    &|state| {
                        state.quiet[at] = Quiet::Away;
                    },
                );
                if state.version < REMOVALS {
                    step("a quiet process removes", &|state| {
                        state.version += 1;
                        let ledger = state.open(false);
                        let known = ledger.birth == birth || !self.on(Safeguard::SameLedger);
                        if known && (ledger.marked || !self.on(Safeguard::Mark)) {
                            state.floor = state.version;
                        }
                    });
                }
            }
        }
    }
}

fn step_of(what: &'static str, at: usize) -> Step {
    let process = u8::try_from(at).expect("few processes");
    Step {
        what,
        process: Some(process),
    }
}

fn forget(reader: &mut Reader) {
    if let Reader::Relying(copy) = reader {
        *copy = None;
    }
}

impl Model for QuietUsers {
    type State = State;
    type Broken = StaleCopy;

    fn start(&self) -> State {
        State {
            ledger: None,
            births: 0,
            version: 0,
            floor: 0,
            readers: [Reader::Away; READERS],
            quiet: [Quiet::Away; QUIET],
        }
    }

    fn steps(&self, state: &State, next: &mut Next) {
        for at in 0..READERS {
            self.reader_steps(state, at, next);
        }
        for at in 0..QUIET {
            self.quiet_steps(state, at, next);
        }
        if state.ledger.is_some() && state.births <= LOSSES {
            let mut state = state.clone();
            state.ledger = None;
            let lost = Step {
                what: "the ledger is lost",
                process: None,
            };
            next.push((lost, state));
        }
    }

    fn broken(&self, state: &State) -> Option<StaleCopy> {
        let stale = |reader: &Reader| matches!(reader, Reader::Relying(Some(version)) if *version < state.floor);
        let reader = state.readers.iter().position(stale)?;
        Some(StaleCopy { reader })
    }

    fn canonical(mut state: State) -> State {
        state
            .readers
            .sort_unstable_by_key(|reader| format!("{reader:?}"));
        state
            .quiet
            .sort_unstable_by_key(|quiet| format!("{quiet:?}"));
        state
    }
}

#[test]
fn with_all_safeguards_nobody_relies_on_messages_that_are_not_sent() {
    let explored = explore(&QuietUsers { off: None });
    if let Some(violation) = explored.violation {
        panic!("{violation}");
    }
    for step in [
        "a reader keeps a copy",
        "a reader removes and publishes",
        "a quiet process removes",
        "a quiet process notices that it must connect anew",
        "the ledger is lost",
    ] {
        assert!(explored.taken.contains(step), "{step}");
    }
    println!("{} states, depth {}", explored.states, explored.depth);
}

#[test]
fn without_any_one_safeguard_somebody_does() {
    use Safeguard::{Count, HeedMark, Mark, MarkFirst, SameLedger, SubscribeFirst};
    for off in [SubscribeFirst, HeedMark, Mark, MarkFirst, Count, SameLedger] {
        let explored = explore(&QuietUsers { off: Some(off) });
        let violation = explored.violation;
        let violation = violation.unwrap_or_else(|| panic!("nothing fails without {off:?}"));
        println!("without {off:?}, {violation}");
    }
}
