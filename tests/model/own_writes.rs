//! A transaction whose writers read what they have written, through the cache.
//!
//! There is one row with one key. A task begins a transaction, in which a writer updates the row; in its body or beside it the
//! task calls the cached function of the row. Another process loads and stores the row at any time, and sees what is committed.
//! The transaction is committed, rolled back, or dropped, after which it is not known which of these happened.
//!
//! Where the transaction is not in a `deferred` scope but belongs to another writer, whose body calls this one, the removal comes
//! before the commit, and is made again at the end of the other writer.
//!
//! What is promised: the cache never holds what is not committed; once the removal is acknowledged, it holds nothing older; and
//! the task never reads an older value than its own.

use crate::explore::{Explored, Model, explore};
use crate::protocol::Step;

/// How many transactions there are.
const TRANSACTIONS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Safeguard {
    /// What a writer removes is known to the task when its body begins.
    OnEntry,
    /// What a writer that failed would have removed is known until the transaction ends.
    AfterFailure,
    /// A load looks again before it is stored.
    BeforeStore,
    /// Removals wait for the commit.
    Deferred,
    /// A writer makes the removals again that others have made inside of it.
    Again,
    /// Until then, its calls go past the cache for what was removed.
    UntilThen,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Writer {
    #[default]
    NotBegun,
    Running,
    Succeeded,
    Failed,
}

/// A load: the version that it has read, and whether no removal has taken its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Load {
    read: Option<u8>,
    lease: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    committed: u8,
    /// A bit for each version that is or was committed.
    history: u8,
    /// The latest version, committed or not.
    latest: u8,
    begun: u8,
    open: bool,
    /// The version that only the transaction sees.
    own: Option<u8>,
    writer: Writer,
    load: Option<Load>,
    other: Option<Load>,
    cache: Option<u8>,
    /// A removal that is to be made.
    due: bool,
    /// Entries of older versions are stale.
    floor: u8,
    missed_own: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    NotCommitted,
    Stale,
    MissedItsOwn,
}

#[derive(Clone, Copy, Debug, Default)]
struct OwnWrites {
    off: Option<Safeguard>,
    /// The transaction belongs to another writer, and is in no `deferred` scope.
    inside_writer: bool,
}

type Next = Vec<(Step, State)>;

impl OwnWrites {
    fn on(self, safeguard: Safeguard) -> bool {
        self.off != Some(safeguard)
    }

    /// Whether the calls of the task go past the cache.
    fn is_covered(self, state: &State) -> bool {
        match state.writer {
            Writer::NotBegun => false,
            Writer::Running => self.on(Safeguard::OnEntry),
            Writer::Succeeded if self.inside_writer => self.on(Safeguard::UntilThen),
            Writer::Succeeded => self.on(Safeguard::Deferred),
            // It is known from its beginning on.
            Writer::Failed => self.on(Safeguard::OnEntry) && self.on(Safeguard::AfterFailure),
        }
    }

    fn writing(self, state: &State, next: &mut Next) {
        if !state.open && !state.due && state.begun < TRANSACTIONS {
            add(next, "a transaction begins", state, |state| {
                state.begun += 1;
                state.open = true;
                state.writer = Writer::NotBegun;
            });
        }
        if !state.open {
            return;
        }
        match state.writer {
            Writer::NotBegun => add(next, "the writer begins", state, |state| {
                state.writer = Writer::Running;
            }),
            Writer::Running => {
                if state.own.is_none() {
                    add(next, "the writer updates the row", state, |state| {
                        state.latest += 1;
                        state.own = Some(state.latest);
                    });
                }
                add(next, "the writer fails", state, |state| {
                    state.writer = Writer::Failed;
                });
                add(next, "the writer succeeds", state, |state| {
                    state.writer = Writer::Succeeded;
                    if self.inside_writer || !self.on(Safeguard::Deferred) {
                        state.remove();
                    }
                });
            }
            Writer::Succeeded | Writer::Failed => {}
        }
    }

    fn ending(self, state: &State, next: &mut Next) {
        if state.due {
            add(next, "the removal is acknowledged", state, |state| {
                state.remove();
                state.floor = state.committed;
                state.due = false;
            });
        }
        if !state.open {
            return;
        }
        if state.load.is_none() && state.writer != Writer::Running {
            add(next, "the transaction is committed", state, |state| {
                let succeeded = state.writer == Writer::Succeeded;
                let removes = match self.inside_writer {
                    true => self.on(Safeguard::Again),
                    false => self.on(Safeguard::Deferred),
                };
                state.due = succeeded && removes;
                state.end(true);
                if succeeded && self.inside_writer && !removes {
                    // The other writer returns, as if its caller could rely on the removal before the commit.
                    state.floor = state.committed;
                }
            });
            add(next, "the transaction is rolled back", state, |state| {
                state.end(false);
            });
        }
        for commits in [false, true] {
            add(next, "the task is dropped", state, |state| {
                state.due = matches!(state.writer, Writer::Running | Writer::Succeeded);
                state.load = None;
                state.end(commits);
            });
        }
    }

    fn reading(self, state: &State, next: &mut Next) {
        if !state.open {
            return;
        }
        match (state.load, state.cache) {
            _ if state.load.is_none() && self.is_covered(state) => {}
            (None, Some(version)) => add(next, "the task hits", state, |state| {
                state.missed_own |= state.own.is_some_and(|own| version < own);
            }),
            (None, None) => add(next, "the task begins to load", state, |state| {
                state.load = Some(Load {
                    read: None,
                    lease: true,
                });
            }),
            (Some(Load { read: None, lease }), _) => {
                add(next, "the task reads the row", state, |state| {
                    let read = Some(state.own.unwrap_or(state.committed));
                    state.load = Some(Load { read, lease });
                });
            }
            (
                Some(Load {
                    read: Some(read),
                    lease,
                }),
                _,
            ) => {
                add(next, "the task stores", state, |state| {
                    let looks = self.on(Safeguard::BeforeStore);
                    if lease && !(looks && self.is_covered(state)) {
                        state.cache = Some(read);
                    }
                    state.load = None;
                });
            }
        }
    }
}

/// What the other process does.
fn beside(state: &State, next: &mut Next) {
    match state.other {
        None if state.cache.is_none() => {
            add(next, "another process reads the row", state, |state| {
                state.other = Some(Load {
                    read: Some(state.committed),
                    lease: true,
                });
            });
        }
        None => add(next, "the entry expires", state, |state| state.cache = None),
        Some(Load { read, lease }) => add(next, "another process stores", state, |state| {
            state.other = None;
            if lease {
                state.cache = read;
            }
        }),
    }
}

impl State {
    fn remove(&mut self) {
        self.cache = None;
        for load in [&mut self.load, &mut self.other].into_iter().flatten() {
            load.lease = false;
        }
    }

    fn end(&mut self, commits: bool) {
        if let Some(own) = self.own.take().filter(|_| commits) {
            self.committed = own;
            self.history |= 1 << own;
        }
        self.open = false;
    }
}

fn add(next: &mut Next, what: &'static str, state: &State, change: impl FnOnce(&mut State)) {
    let mut state = state.clone();
    change(&mut state);
    next.push((
        Step {
            what,
            process: None,
        },
        state,
    ));
}

impl Model for OwnWrites {
    type State = State;
    type Broken = Broken;

    fn start(&self) -> State {
        State {
            history: 1,
            ..State::default()
        }
    }

    fn steps(&self, state: &State, next: &mut Next) {
        self.writing(state, next);
        self.ending(state, next);
        self.reading(state, next);
        beside(state, next);
    }

    fn broken(&self, state: &State) -> Option<Broken> {
        match state.cache {
            Some(version) if state.history & (1 << version) == 0 => Some(Broken::NotCommitted),
            Some(version) if version < state.floor => Some(Broken::Stale),
            _ if state.missed_own => Some(Broken::MissedItsOwn),
            _ => None,
        }
    }

    fn canonical(state: State) -> State {
        state
    }
}

fn explored(off: Option<Safeguard>, inside_writer: bool) -> Explored<Broken> {
    let model = OwnWrites { off, inside_writer };
    let explored = explore(&model);
    if let Some(violation) = &explored.violation {
        println!("{model:?}: {violation}");
    }
    explored
}

#[test]
fn a_transaction_reads_its_own_writes_and_shows_them_to_nobody() {
    for inside_writer in [false, true] {
        let explored = explored(None, inside_writer);
        assert!(explored.violation.is_none(), "{inside_writer}");
        every_step_was_taken(&explored);
    }
}

fn every_step_was_taken(explored: &Explored<Broken>) {
    for step in [
        "the writer fails",
        "the removal is acknowledged",
        "the transaction is committed",
        "the transaction is rolled back",
        "the task is dropped",
        "the task hits",
        "the task stores",
        "another process stores",
    ] {
        assert!(explored.taken.contains(step), "{step}");
    }
}

#[test]
fn without_any_one_safeguard_it_does_not() {
    for (off, inside_writer, broken) in [
        (Safeguard::OnEntry, false, Broken::NotCommitted),
        (Safeguard::AfterFailure, false, Broken::NotCommitted),
        (Safeguard::BeforeStore, false, Broken::NotCommitted),
        (Safeguard::Deferred, false, Broken::NotCommitted),
        (Safeguard::OnEntry, true, Broken::NotCommitted),
        (Safeguard::AfterFailure, true, Broken::NotCommitted),
        (Safeguard::Again, true, Broken::Stale),
        (Safeguard::UntilThen, true, Broken::NotCommitted),
    ] {
        let explored = explored(Some(off), inside_writer);
        let violation = explored.violation;
        let violation = violation.unwrap_or_else(|| panic!("nothing fails without {off:?}"));
        assert_eq!(violation.broken, broken, "without {off:?}: {violation}");
    }
}
