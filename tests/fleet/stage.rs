//! Redis, and the processes in front of it, each behind proxies of its own.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cache_runtime::sabotage::Safeguard;
use cache_tests::ChildProcess;
use tempfile::TempDir;

use crate::canary;
use crate::clock::{self, Nanos};
use crate::collector::Collector;
use crate::database::Database;
use crate::history::{Cause, Crash, ProcessId, Window};
use crate::names::Tenant;
use crate::plan::{Overrides, Plan};
use crate::random::Random;
use crate::servers::Servers;
use crate::way::Way;

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) servers: Servers,
    pub(crate) places: Vec<Place>,
    pub(crate) collector: Collector,
    pub(crate) tally: Mutex<BTreeMap<String, u64>>,
    database: Database,
    plan: Plan,
    without: Vec<Safeguard>,
    journals: Journals,
    /// Theirs; each finds those of its own place only, whose way to Redis is another one.
    directory: TempDir,
    random: Random,
    processes: AtomicU32,
    /// Whose each of them is.
    tenants: Mutex<HashMap<ProcessId, Tenant>>,
}

/// Who keeps its journal on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journals {
    All,
    /// Every other place.
    Half,
    None,
}

impl Journals {
    fn keeps(self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Half => place.is_multiple_of(2),
            Self::None => false,
        }
    }
}

impl FromStr for Journals {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "half" => Ok(Self::Half),
            "none" => Ok(Self::None),
            _ => Err("one of all, half, none"),
        }
    }
}

/// Where a process runs; when it is killed, another takes over.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) way: Way,
    process: Arc<AtomicU32>,
    child: Mutex<ChildProcess>,
}

impl Stage {
    pub(crate) fn set(
        plan: Plan,
        seed: u64,
        without: Vec<Safeguard>,
        journals: Journals,
    ) -> std::io::Result<Self> {
        let servers = plan.servers.start();
        let database = Database::serve(plan.rows)?;
        let collector = Collector::listen()?;
        let mut stage = Self {
            servers,
            places: Vec::new(),
            collector,
            tally: Mutex::default(),
            database,
            plan,
            without,
            journals,
            directory: tempfile::tempdir()?,
            random: Random::new(seed),
            processes: AtomicU32::new(0),
            tenants: Mutex::default(),
        };
        for place in 0..stage.plan.processes {
            let way = stage.servers.way_from(place);
            let round_trip = stage.plan.round_trip;
            way.set_round_trip(round_trip);
            let (process, child) = stage.spawn(place, &way);
            let process = Arc::new(AtomicU32::new(process));
            for proxy in way.proxies() {
                canary::watch(
                    proxy.address(),
                    round_trip,
                    process.clone(),
                    stage.collector.clone(),
                );
            }
            stage.places.push(Place {
                way,
                process,
                child: Mutex::new(child),
            });
        }
        Ok(stage)
    }

    /// Says a line to every process.
    pub(crate) fn say(&self, line: &str) {
        for place in &self.places {
            place.say(line);
        }
    }

    /// The processes that run now.
    pub(crate) fn running(&self) -> Vec<ProcessId> {
        self.places.iter().map(Place::process).collect()
    }

    /// How many processes there have been.
    pub(crate) fn started(&self) -> u32 {
        self.processes.load(SeqCst)
    }

    /// Whose each process is, or was.
    pub(crate) fn tenants(&self) -> HashMap<ProcessId, Tenant> {
        let tenants = self.tenants.lock();
        tenants.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until that is true of every process that runs.
    pub(crate) fn wait_for(
        &self,
        within: Duration,
        of: impl Fn(&crate::collector::Heard, ProcessId) -> bool,
    ) -> bool {
        let deadline = Instant::now() + within;
        loop {
            let running = self.running();
            let heard = self.collector.heard();
            if running.iter().all(|process| of(&heard, *process)) {
                return true;
            }
            drop(heard);
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Remembers a fault: whom it concerned (`None`: all), from when to now.
    pub(crate) fn note(&self, name: &str, whom: Option<ProcessId>, from: Nanos) {
        self.count(name);
        self.collector.heard().history.faults.push((
            whom,
            Window {
                from,
                to: clock::now(),
            },
        ));
    }

    /// Remembers that nobody drove the connection of a process.
    pub(crate) fn note_undriven(&self, process: ProcessId, cause: Cause, from: Nanos) {
        let to = clock::now();
        let mut heard = self.collector.heard();
        heard
            .history
            .undriven
            .push((process, cause, Window { from, to }));
    }

    /// Remembers that entries and leases may have gone.
    pub(crate) fn note_unsettled(&self, from: Nanos) {
        self.collector.heard().history.unsettled.push(Window {
            from,
            to: clock::now(),
        });
    }

    pub(crate) fn count(&self, name: &str) {
        *self
            .tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.to_owned())
            .or_default() += 1;
    }

    /// Kills the process of a place, and starts another there.
    pub(crate) fn replace(&self, place: usize) {
        let Place {
            way,
            process,
            child,
        } = &self.places[place];
        let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
        let at = clock::now();
        child.kill9();
        let killed = process.load(SeqCst);
        let (next, started) = self.spawn(place, way);
        self.collector.heard().history.crashed.push(Crash {
            process: killed,
            at,
            heir: self.journals.keeps(place).then_some(next),
        });
        process.store(next, SeqCst);
        *child = started;
        child.send("go");
    }

    /// Ends every fault that leaves something behind.
    pub(crate) fn heal(&self) {
        for place in &self.places {
            place.way.heal();
            place.thaw();
        }
        for server in self.servers.nodes() {
            server.thaw();
            let _ = server.try_cli(&["CONFIG", "SET", "maxmemory", "0"]);
        }
    }

    fn spawn(&self, place: usize, way: &Way) -> (ProcessId, ChildProcess) {
        let process = self.processes.fetch_add(1, SeqCst) + 1;
        self.tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(process, Tenant::at(place, self.plan.tenants));
        let own = env::current_exe().expect("this very program");
        let without: Vec<&str> = self
            .without
            .iter()
            .map(|safeguard| safeguard.name())
            .collect();
        let mut child = ChildProcess::builder(own)
            .arg("worker")
            .arg("--process")
            .arg(process.to_string())
            .arg("--place")
            .arg(place.to_string())
            .arg("--seed")
            .arg(self.random.next().to_string())
            .arg("--plan")
            .arg(self.plan.name)
            .arg("--without")
            .arg(without.join(","))
            .arg("--redis")
            .arg(way.url())
            .arg("--database")
            .arg(self.database.address().to_string())
            .arg("--parent")
            .arg(self.collector.address().to_string());
        for (name, value) in Overrides::that_make(&self.plan) {
            child = child.arg(name).arg(value);
        }
        if self.journals.keeps(place) {
            child = child.arg("--journal").arg(self.directory.path());
        }
        (process, child.spawn())
    }
}

impl Place {
    pub(crate) fn process(&self) -> ProcessId {
        self.process.load(SeqCst)
    }

    pub(crate) fn freeze(&self) {
        self.child().freeze();
    }

    pub(crate) fn thaw(&self) {
        self.child().thaw();
    }

    pub(crate) fn say(&self, line: &str) {
        self.child().send(line);
    }

    fn child(&self) -> MutexGuard<'_, ChildProcess> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
