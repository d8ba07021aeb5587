//! Servers that refuse `INFO`: a script in a server's memory stands for its run.
//!
//! This model is about whether a restarted or promoted server starts cold. There are two servers, a master and its
//! replica, whose data lag. The data are a ledger with at most one removal, which covers everything older than it, and one
//! entry. The ledger names the digest of a script. A process that connects asks whether the master has that script in its
//! memory. If it has not, the process loads another script, and replaces the ledger by one that names this script. Entries
//! of another ledger are misses.
//!
//! What is promised: once a removal is acknowledged, no process that connects uses an older entry.

use crate::explore::{Explored, Model, explore};
use crate::protocol::Step;

/// How many ledgers may begin, how often something is removed, and how often a server is lost.
const BIRTHS: u8 = 4;
const REMOVALS: u8 = 1;
const LOSSES: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Safeguard {
    /// The ledger names a script, and one that the server does not have ends it.
    Digest,
    /// A snapshot holds no scripts.
    NotInSnapshots,
    /// A replica is sent no scripts (Redis 7 or later).
    NotReplicated,
    /// Entries name the ledger under which they were stored.
    BirthInOrigin,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Data {
    /// Its birth; 0 if there is none.
    ledger: u8,
    /// The script that it names; 0 if it names none.
    digest: u8,
    /// Entries of older versions are stale.
    removed: u8,
    /// The ledger under which it was stored, and its version.
    entry: Option<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Server {
    data: Data,
    /// A bit for each script that it has in memory.
    scripts: u8,
    /// It has been the master.
    reigned: bool,
}

/// The process that connects; whoever is connected stores and removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Process {
    Away,
    /// It has asked for this script, and the server has it or has it not.
    Asked(u8, bool),
    Connected,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    servers: [Server; 2],
    master: usize,
    snapshot: Server,
    process: Process,
    births: u8,
    version: u8,
    floor: u8,
    losses: u8,
}

#[derive(Clone, Copy, Debug)]
struct StaleEntry;

#[derive(Clone, Copy, Debug, Default)]
struct HiddenRuns {
    off: Option<Safeguard>,
    /// A master that was demoted may become the master again before a ledger of the other one has reached it.
    returns_early: bool,
}

type Next = Vec<(Step, State)>;

impl HiddenRuns {
    fn on(&self, safeguard: Safeguard) -> bool {
        self.off != Some(safeguard)
    }

    fn connecting(&self, state: &State, next: &mut Next) {
        let named = state.servers[state.master].data.digest;
        match state.process {
            Process::Away => add(next, "a process asks for the script", state, |state| {
                let master = &state.servers[state.master];
                let known = named != 0 && master.scripts & (1 << named) != 0;
                state.process = Process::Asked(named, known);
            }),
            Process::Asked(digest, known) if state.births < BIRTHS => {
                add(next, "a process opens the ledger", state, |state| {
                    let born = state.births + 1;
                    let master = &mut state.servers[state.master];
                    let wanted = if known { digest } else { born };
                    let foreign = master.data.digest != wanted && self.on(Safeguard::Digest);
                    if master.data.ledger == 0 || foreign {
                        master.data.ledger = born;
                        master.data.removed = 0;
                    }
                    master.data.digest = wanted;
                    master.scripts |= 1 << wanted;
                    state.births = born;
                    state.process = Process::Connected;
                });
            }
            Process::Asked(..) => {}
            Process::Connected => {
                add(next, "an entry is stored", state, |state| {
                    let data = &mut state.servers[state.master].data;
                    data.entry = Some((data.ledger, state.version));
                });
                if state.version < REMOVALS {
                    add(next, "a removal is acknowledged", state, |state| {
                        state.version += 1;
                        state.floor = state.version;
                        state.servers[state.master].data.removed = state.version;
                    });
                }
            }
        }
    }

    fn replicating(&self, state: &State, next: &mut Next) {
        let (master, replica) = (state.master, 1 - state.master);
        add(next, "the replica catches up", state, |state| {
            state.servers[replica].data = state.servers[master].data;
            if !self.on(Safeguard::NotReplicated) {
                state.servers[replica].scripts |= state.servers[master].scripts;
            }
        });
        add(next, "the master is saved", state, |state| {
            state.snapshot = state.servers[master];
        });
        if state.losses == LOSSES {
            return;
        }
        add(
            next,
            "the master restarts from its snapshot",
            state,
            |state| {
                let mut restored = state.snapshot;
                if self.on(Safeguard::NotInSnapshots) {
                    restored.scripts = 0;
                }
                state.servers[master] = restored;
                state.lost();
            },
        );
        let Server {
            data,
            scripts,
            reigned,
        } = state.servers[replica];
        let early = reigned && scripts & (1 << data.digest) != 0;
        if !early || self.returns_early {
            add(next, "the replica is promoted", state, |state| {
                state.master = replica;
                // The demoted one takes over what its new master has.
                state.servers[master].data = data;
                state.servers[master].reigned = true;
                state.snapshot = Server::default();
                state.lost();
            });
        }
    }
}

impl State {
    fn lost(&mut self) {
        self.process = Process::Away;
        self.losses += 1;
    }
}

fn add(next: &mut Next, what: &'static str, state: &State, change: impl FnOnce(&mut State)) {
    let mut state = state.clone();
    change(&mut state);
    let process = None;
    next.push((Step { what, process }, state));
}

impl Model for HiddenRuns {
    type State = State;
    type Broken = StaleEntry;

    fn start(&self) -> State {
        State {
            servers: Default::default(),
            master: 0,
            snapshot: Server::default(),
            process: Process::Away,
            births: 0,
            version: 0,
            floor: 0,
            losses: 0,
        }
    }

    fn steps(&self, state: &State, next: &mut Next) {
        self.connecting(state, next);
        self.replicating(state, next);
    }

    fn broken(&self, state: &State) -> Option<StaleEntry> {
        let data = state.servers[state.master].data;
        let (birth, version) = data.entry?;
        let used = birth == data.ledger || !self.on(Safeguard::BirthInOrigin);
        let stale = used && version >= data.removed && version < state.floor;
        (state.process == Process::Connected && stale).then_some(StaleEntry)
    }

    fn canonical(state: State) -> State {
        state
    }
}

fn explored(model: HiddenRuns) -> Explored<StaleEntry> {
    let explored = explore(&model);
    if let Some(violation) = &explored.violation {
        println!("{model:?}: {violation}");
    }
    explored
}

#[test]
fn a_restarted_or_promoted_server_starts_cold_without_info() {
    let explored = explored(HiddenRuns::default());
    assert!(explored.violation.is_none());
    for step in [
        "an entry is stored",
        "a removal is acknowledged",
        "the master restarts from its snapshot",
        "the replica is promoted",
    ] {
        assert!(explored.taken.contains(step), "{step}");
    }
}

#[test]
fn without_any_one_safeguard_it_does_not() {
    use Safeguard::{BirthInOrigin, Digest, NotInSnapshots, NotReplicated};
    for off in [Digest, NotInSnapshots, NotReplicated, BirthInOrigin] {
        let off = Some(off);
        let explored = explored(HiddenRuns {
            off,
            ..HiddenRuns::default()
        });
        assert!(
            explored.violation.is_some(),
            "nothing fails without {off:?}"
        );
    }
}

/// It still has the script, and its data are those of the other server. `INFO` tells this by the reign.
#[test]
fn a_master_that_is_demoted_and_returns_early_is_not_recognized() {
    let explored = explored(HiddenRuns {
        returns_early: true,
        ..HiddenRuns::default()
    });
    assert!(explored.violation.is_some());
}
