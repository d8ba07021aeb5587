//! What a run consists of: who does what how often, and which faults come. One plan is the usual mix; the others make one
//! kind of trouble likely, so that a safeguard which is off is soon missed.

use std::time::Duration;

use cache_runtime::sabotage::Safeguard;

use crate::catalogue::Family;
use crate::random::Random;

/// Times in milliseconds, from and to.
pub(crate) type Millis = (u64, u64);

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) processes: usize,
    /// Tasks a process.
    pub(crate) tasks: usize,
    pub(crate) rows: u32,
    pub(crate) families: Vec<(Family, u64)>,
    pub(crate) acts: Vec<(Act, u64)>,
    pub(crate) kinds: Vec<(Kind, u64)>,
    /// Only process 0 removes anything.
    pub(crate) one_writer: bool,
    /// Between two acts of a task.
    pub(crate) pause: Millis,
    pub(crate) bodies: Bodies,
    /// What one call may wait for Redis.
    pub(crate) budget: Duration,
    pub(crate) server: Lane<ServerFault>,
    pub(crate) network: Lane<NetworkFault>,
    pub(crate) process: Lane<ProcessFault>,
}

/// What a task does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Read,
    /// A read whose caller goes away.
    DroppedRead,
    Remove,
    /// A removal, and at once a look at the rows of one family.
    RemoveAndLook,
    /// A removal whose caller goes away.
    DroppedRemove,
    /// A cached function that writes and then removes.
    Write,
    DroppedWrite,
    Put,
    Refresh,
}

/// What a removal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Family,
    Row,
    Group,
    Author,
    Authors,
    /// Everything, by a glob: several steps, in which readers go on reading.
    Glob,
    All,
}

/// How long bodies take, and how often they fail, in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bodies {
    pub(crate) failing: u64,
    /// So many pauses of a hundred are of this length; half of the others are short, and half are none.
    pub(crate) long: (u64, Millis),
}

/// Faults that come one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Lane<F: 'static> {
    pub(crate) gap: Millis,
    pub(crate) faults: Vec<(F, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerFault {
    /// Not a fault, but what a later restart comes back with.
    Save,
    /// `kill -9`, some time, and back with the snapshot.
    KillToSnapshot,
    KillToEmpty,
    Freeze,
    FlushAll,
    KillClients,
    /// Everything is evicted for a while, then there is room again.
    Squeeze,
    DropIndex,
    FlushScripts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NetworkFault {
    Cut,
    /// Cut, and nobody listens for a while.
    Down,
    Delay,
    /// So short that no call gives up.
    Pulse,
    Stall,
    BlackHole,
    HoleToServer,
    HoleToClient,
    /// A line of a modem's speed.
    Trickle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProcessFault {
    Freeze,
    Kill,
}

impl<F> Lane<F> {
    fn none() -> Self {
        Self {
            gap: (100, 100),
            faults: Vec::new(),
        }
    }
}

impl Bodies {
    /// A pause of a body.
    pub(crate) fn pause(&self, random: &Random) -> Duration {
        let (percent, length) = self.long;
        if random.percent(percent) {
            random.millis(length)
        } else if random.percent(50) {
            random.millis((0, 3))
        } else {
            Duration::ZERO
        }
    }
}

impl Plan {
    pub(crate) const NAMES: [&str; 12] = [
        "usual", "calm", "aging", "tags", "late", "pulses", "flapping", "switch", "outages",
        "crashes", "restarts", "trickle",
    ];

    /// The plan under which the loss of a safeguard shows soon.
    pub(crate) fn against(safeguard: Safeguard) -> &'static str {
        match safeguard {
            Safeguard::Cas | Safeguard::Verdict => "calm",
            Safeguard::OwnGet => "late",
            Safeguard::Guard => "pulses",
            Safeguard::Fence => "switch",
            Safeguard::Flush => "flapping",
            Safeguard::Retire | Safeguard::Replay => "outages",
            Safeguard::RunId => "restarts",
            Safeguard::LocalPass => "trickle",
            _ => "usual",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let calm = Self::calm();
        Some(match name {
            "usual" => Self::usual(),
            "calm" => calm,
            // Values are refreshed behind their readers, under removals.
            "aging" => Self {
                name: "aging",
                families: vec![(Family::Aging, 1), (Family::Patient, 1)],
                acts: vec![
                    (Act::Read, 95),
                    (Act::Refresh, 1),
                    (Act::Remove, 3),
                    (Act::Write, 1),
                ],
                kinds: vec![
                    (Kind::Key, 4),
                    (Kind::Author, 2),
                    (Kind::Row, 1),
                    (Kind::Authors, 1),
                ],
                rows: 12,
                bodies: Bodies {
                    failing: 10,
                    long: (50, (5, 60)),
                },
                ..calm
            },
            // Values change their tags, under removals by tag.
            "tags" => Self {
                name: "tags",
                families: vec![(Family::Late, 5), (Family::Patient, 3), (Family::Tagged, 1)],
                rows: 3,
                acts: vec![(Act::Read, 70), (Act::Refresh, 20), (Act::Remove, 10)],
                kinds: vec![
                    (Kind::Author, 8),
                    (Kind::Group, 1),
                    (Kind::Authors, 1),
                    (Kind::Key, 1),
                ],
                ..calm
            },
            // Every answer of Redis is some milliseconds old.
            "late" => Self {
                name: "late",
                families: vec![(Family::Exact, 1)],
                acts: vec![(Act::Read, 97), (Act::Remove, 3)],
                rows: 2,
                one_writer: true,
                tasks: 24,
                pause: (0, 30),
                bodies: Bodies {
                    failing: 0,
                    long: (10, (1, 10)),
                },
                network: Lane {
                    gap: (20, 60),
                    faults: vec![(NetworkFault::Delay, 1)],
                },
                ..calm
            },
            // Replies and pushes arrive in one go, after a stop.
            "pulses" => Self {
                name: "pulses",
                families: vec![(Family::Item, 1)],
                acts: vec![(Act::Read, 90), (Act::Remove, 10)],
                rows: 6,
                tasks: 10,
                one_writer: true,
                pause: (0, 2),
                bodies: Bodies {
                    failing: 0,
                    long: (0, (0, 0)),
                },
                network: Lane {
                    gap: (10, 40),
                    faults: vec![(NetworkFault::Pulse, 1)],
                },
                ..calm
            },
            // Connections come and go while loads run.
            "switch" => Self {
                name: "switch",
                families: vec![(Family::Item, 1)],
                acts: vec![(Act::Read, 90), (Act::Remove, 10)],
                kinds: vec![(Kind::Key, 1)],
                rows: 40,
                tasks: 10,
                bodies: Bodies {
                    failing: 0,
                    long: (90, (20, 60)),
                },
                network: Lane {
                    gap: (150, 300),
                    faults: vec![(NetworkFault::Down, 2), (NetworkFault::Cut, 2)],
                },
                ..calm
            },
            // Long enough away for a removal to be missed, long enough back for that to show.
            "flapping" => Self {
                name: "flapping",
                families: vec![(Family::Item, 1)],
                rows: 12,
                one_writer: true,
                network: Lane {
                    gap: (500, 600),
                    faults: vec![(NetworkFault::Down, 1)],
                },
                ..calm
            },
            // Everybody writes, and is cut off now and then.
            "outages" => Self {
                name: "outages",
                acts: vec![(Act::Read, 90), (Act::Remove, 6), (Act::Write, 4)],
                network: Lane {
                    gap: (50, 150),
                    faults: vec![(NetworkFault::Down, 3), (NetworkFault::Cut, 1)],
                },
                ..calm
            },
            // The same, and processes die with what they could not tell Redis.
            "crashes" => Self {
                name: "crashes",
                acts: vec![(Act::Read, 90), (Act::Remove, 6), (Act::Write, 4)],
                network: Lane {
                    gap: (50, 150),
                    faults: vec![(NetworkFault::Down, 3), (NetworkFault::BlackHole, 1)],
                },
                process: Lane {
                    gap: (150, 500),
                    faults: vec![(ProcessFault::Kill, 1)],
                },
                ..calm
            },
            // The server comes back with what has been removed, and whoever would remove it again, because it did so
            // lately, is gone.
            "restarts" => Self {
                name: "restarts",
                processes: 2,
                rows: 12,
                acts: vec![(Act::Read, 96), (Act::Remove, 4)],
                kinds: vec![(Kind::Key, 3), (Kind::Row, 1)],
                server: Lane {
                    gap: (150, 350),
                    faults: vec![(ServerFault::Save, 1), (ServerFault::KillToSnapshot, 1)],
                },
                process: Lane {
                    gap: (100, 250),
                    faults: vec![(ProcessFault::Kill, 1)],
                },
                ..calm
            },
            // The answer to a removal and the push that follows it arrive apart, and a reader comes between.
            "trickle" => Self {
                name: "trickle",
                processes: 1,
                tasks: 6,
                rows: 10,
                families: vec![(Family::Item, 1)],
                acts: vec![(Act::Read, 98), (Act::RemoveAndLook, 2)],
                kinds: vec![(Kind::Glob, 1)],
                pause: (0, 3),
                bodies: Bodies {
                    failing: 0,
                    long: (0, (0, 0)),
                },
                budget: Duration::from_millis(1_500),
                network: Lane {
                    gap: (0, 0),
                    faults: vec![(NetworkFault::Trickle, 1)],
                },
                ..calm
            },
            _ => return None,
        })
    }

    fn usual() -> Self {
        use {NetworkFault as N, ServerFault as S};
        Self {
            name: "usual",
            processes: 4,
            tasks: 6,
            rows: 6,
            families: Family::ALL.map(|family| (family, 1)).to_vec(),
            acts: vec![
                (Act::Read, 860),
                (Act::DroppedRead, 40),
                (Act::Remove, 30),
                (Act::RemoveAndLook, 10),
                (Act::DroppedRemove, 5),
                (Act::Write, 20),
                (Act::DroppedWrite, 5),
                (Act::Put, 15),
                (Act::Refresh, 15),
            ],
            kinds: vec![
                (Kind::Key, 40),
                (Kind::Family, 10),
                (Kind::Row, 15),
                (Kind::Group, 10),
                (Kind::Author, 10),
                (Kind::Authors, 5),
                (Kind::Glob, 3),
                (Kind::All, 4),
            ],
            one_writer: false,
            pause: (0, 6),
            bodies: Bodies {
                failing: 3,
                long: (20, (5, 50)),
            },
            budget: Duration::from_millis(50),
            server: Lane {
                gap: (300, 2_500),
                faults: vec![
                    (S::Save, 4),
                    (S::KillToSnapshot, 3),
                    (S::KillToEmpty, 1),
                    (S::Freeze, 4),
                    (S::FlushAll, 2),
                    (S::KillClients, 2),
                    (S::Squeeze, 2),
                    (S::DropIndex, 2),
                    (S::FlushScripts, 2),
                ],
            },
            network: Lane {
                gap: (50, 1_200),
                faults: vec![
                    (N::Cut, 3),
                    (N::Down, 3),
                    (N::Delay, 3),
                    (N::Pulse, 4),
                    (N::Stall, 3),
                    (N::BlackHole, 2),
                    (N::HoleToServer, 1),
                    (N::HoleToClient, 2),
                    (N::Trickle, 1),
                ],
            },
            process: Lane {
                gap: (500, 3_000),
                faults: vec![(ProcessFault::Freeze, 2), (ProcessFault::Kill, 1)],
            },
        }
    }

    /// No faults: only removals that meet loads.
    fn calm() -> Self {
        Self {
            name: "calm",
            processes: 3,
            acts: vec![(Act::Read, 94), (Act::Remove, 6)],
            kinds: vec![(Kind::Key, 3), (Kind::Family, 1), (Kind::Row, 1)],
            bodies: Bodies {
                failing: 0,
                long: (50, (5, 40)),
            },
            server: Lane::none(),
            network: Lane::none(),
            process: Lane::none(),
            ..Self::usual()
        }
    }
}
