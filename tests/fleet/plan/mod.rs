//! What a run consists of: who does what how often, and which faults come. One plan is the usual mix; the others make one
//! kind of trouble likely, so that a safeguard which is off is soon missed.

mod clusters;
mod faults;
mod loads;
mod outages;
mod overrides;
mod races;
mod usual;

use std::time::Duration;

use cache_runtime::sabotage::Safeguard;

pub(crate) use self::faults::{Lane, NetworkFault, ProcessFault, ServerFault};
pub(crate) use self::overrides::Overrides;
use crate::catalogue::Family;
use crate::names::Names;
use crate::random::Random;
use crate::servers::ServerKind;

/// Times in milliseconds, from and to.
pub(crate) type Millis = (u64, u64);

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) processes: usize,
    /// Tasks a process, where each begins its next act when the last has ended.
    pub(crate) tasks: usize,
    /// Acts a second and process, begun whatever becomes of the earlier ones; 0: the tasks say when.
    pub(crate) rate: u64,
    pub(crate) rows: u32,
    pub(crate) families: Vec<(Family, u64)>,
    pub(crate) acts: Vec<(Act, u64)>,
    pub(crate) kinds: Vec<(Kind, u64)>,
    /// The place of the only process that removes anything; `None`: all do.
    pub(crate) writer: Option<usize>,
    /// Between two acts of a task.
    pub(crate) pause: Millis,
    pub(crate) bodies: Bodies,
    /// What one call may wait for Redis.
    pub(crate) budget: Duration,
    /// To Redis and back, when nothing is wrong.
    pub(crate) round_trip: Duration,
    pub(crate) names: Names,
    /// 2: every other process belongs to another application on the same server.
    pub(crate) tenants: u32,
    pub(crate) servers: ServerKind,
    /// Every row is in Redis when a round begins.
    pub(crate) filled: bool,
    /// Every other process has a runtime of one thread.
    pub(crate) lone_threads: bool,
    pub(crate) server: Lane<ServerFault>,
    pub(crate) network: Lane<NetworkFault>,
    /// Whose way to Redis is troubled.
    pub(crate) troubled: Places,
    pub(crate) process: Lane<ProcessFault>,
}

/// Some of the places where processes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    All,
    Only(usize),
    AllBut(usize),
}

impl Places {
    pub(crate) fn contains(self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Only(one) => place == one,
            Self::AllBut(one) => place != one,
        }
    }
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
    /// A cached function that writes and then removes keys by their names, and at once a look.
    WriteAndLook,
    Put,
    Refresh,
    /// A transaction that writes a row and reads it, and is committed or not.
    Transact,
}

/// What a removal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    /// A key whose place in Redis is that of a key of the other tenant.
    NestedKey,
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
    /// So many bodies of a hundred keep their thread for so long.
    pub(crate) computing: (u64, Millis),
}

impl Bodies {
    /// Bodies that never fail, and now and then take so long.
    const fn sound(long: (u64, Millis)) -> Self {
        Self {
            failing: 0,
            long,
            computing: (0, (0, 0)),
        }
    }

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

    /// How long a body keeps its thread.
    pub(crate) fn computes(&self, random: &Random) -> Option<Duration> {
        let (percent, length) = self.computing;
        random.percent(percent).then(|| random.millis(length))
    }
}

/// Every plan, made anew.
const ALL: [fn() -> Plan; 32] = [
    usual::usual,
    usual::calm,
    races::aging,
    races::tags,
    races::late,
    races::pulses,
    races::trickle,
    races::pushes,
    races::numbers,
    races::own,
    races::verdicts,
    races::transactions,
    races::threads,
    outages::switch,
    outages::flapping,
    outages::outages,
    outages::crashes,
    outages::restarts,
    outages::births,
    outages::joins,
    outages::stalls,
    loads::open,
    loads::pauses,
    loads::large,
    loads::tenants,
    loads::tenants_inner,
    loads::collisions,
    loads::starved,
    loads::runtimes,
    clusters::cluster,
    clusters::failovers,
    clusters::migrations,
];

impl Plan {
    /// The plan under which the loss of a safeguard shows soon.
    pub(crate) fn against(safeguard: Safeguard) -> &'static str {
        match safeguard {
            Safeguard::Cas => "calm",
            Safeguard::Verdict => "verdicts",
            Safeguard::OwnGet => "late",
            Safeguard::Guard => "pulses",
            Safeguard::Fence => "switch",
            Safeguard::Flush => "flapping",
            Safeguard::Retire | Safeguard::Replay => "outages",
            Safeguard::RunId => "restarts",
            Safeguard::LocalPass => "trickle",
            Safeguard::PushOrder => "pushes",
            Safeguard::Number => "numbers",
            Safeguard::Birth => "births",
            Safeguard::SubscribeFirst => "joins",
            Safeguard::Shut => "stalls",
            Safeguard::Heard => "runtimes",
            Safeguard::OwnWrites => "transactions",
            Safeguard::Names => "threads",
            _ => "usual",
        }
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|plan| plan())
    }

    pub(crate) fn names() -> Vec<&'static str> {
        Self::all().map(|plan| plan.name).collect()
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|plan| plan.name == name)
    }

    /// Does the process at this place have a single thread?
    pub(crate) fn is_one_thread(&self, place: usize) -> bool {
        self.lone_threads && place % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Plan};
    use cache_runtime::sabotage::Safeguard;

    #[test]
    fn every_plan_has_a_name_of_its_own() {
        let mut names = Plan::names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn for_every_safeguard_there_is_a_plan() {
        for safeguard in Safeguard::ALL {
            let name = Plan::against(safeguard);
            assert!(Plan::named(name).is_some(), "{name}");
        }
    }
}
