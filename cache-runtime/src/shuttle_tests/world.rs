//! A process that switches between Redis and an outage, with a simulated database and Redis around it. It uses the real
//! switch, flights and memory, and a read path that asks them in the order of `cache/lead.rs`.

use std::sync::atomic::Ordering;

use shuttle::future::block_on;
use shuttle::thread;

use super::*;
use crate::common::safeguard::{Safeguard, off};
use crate::common::sync;
use crate::key::{CacheKey, Pattern};
use crate::local::Local;
use crate::local::flight::{Flight, Joined, Lead, Waited};
use crate::local::memory::Memory;
use crate::outage::switch::{Connection, Switch};
use crate::shuttle_tests::breaker::{Line, switch};

/// What a removal names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Key,
    /// A tag that, as the flight knows, the entry may carry.
    Tag,
    /// The same tag, and half of the reads are by hand: they know no tags, and load nothing.
    TagAndByHand,
}

/// When a reader that sends a `GET` of its own asks whether the key is shut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    BeforeAndAfter,
    After,
}

/// Which actors take part.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    pub(super) by: By,
    /// This process removes what it has written.
    pub(super) removal: bool,
    /// Another process writes and removes, too.
    pub(super) elsewhere: bool,
    /// The first connection is lost.
    pub(super) loss: bool,
    /// Readers check in the journal that no waiting removal covers what they use from Redis. Nothing else is checked
    /// then, so that no other fault is found first.
    pub(super) watch: bool,
    /// A second key is read, which no removal covers.
    pub(super) other: bool,
    /// Some readers send a `GET` of their own.
    pub(super) strict: Option<Asks>,
}

pub(super) struct World {
    pub(super) local: Arc<Local<Held>>,
    pub(super) switch: Arc<Switch<Line, Held>>,
    pub(super) scene: Scene,
    lines: [Arc<Line>; 2],
    pub(super) outside: Notes<Outside>,
    roused: sync::Notify,
    /// All actors but the supervisor have ended.
    over: sync::AtomicBool,
    /// How often the second key was read from memory and from Redis, while the first was shut.
    pub(super) beside: Notes<[u64; 2]>,
}

/// The database and Redis.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) database: u64,
    entry: Option<Entry>,
    /// The number of the lease whose holder may store.
    lease: Option<u64>,
    leases: u64,
    /// The number of the latest removal of the tag.
    number: u64,
    /// The latest version whose write was followed by a removal that has returned.
    removed: u64,
    /// The version that another process wrote while no push could reach this one.
    unheard: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    version: u64,
    /// The number of the latest removal that its load knew.
    number: u64,
}

/// What a reply means to a reader.
#[derive(Clone, Copy)]
enum Examined {
    Usable(Entry),
    /// The key is empty, or its entry is removed: a load may replace it.
    Replaceable(Option<Entry>),
    Shut,
    Failed,
}

fn key() -> CacheKey {
    CacheKey::new("k")
}

impl Outside {
    /// Removes the entry. Returns the latest ledger number, which grows only if the ledger records the removal.
    fn remove(&mut self, by: By) -> u64 {
        if by == By::Key {
            self.entry = None;
            self.lease = None;
        } else {
            self.number += 1;
        }
        self.number
    }
}

impl World {
    pub(super) fn new(scene: Scene) -> Arc<Self> {
        let local = Arc::new(Local::new(Memory::new(8, 1 << 16), 8, Duration::ZERO));
        let entry = Entry {
            version: 0,
            number: 0,
        };
        Arc::new(Self {
            switch: switch(local.clone()),
            local,
            scene,
            lines: [Line::new(), Line::new()],
            outside: Notes(Mutex::new(Outside {
                entry: Some(entry),
                ..Outside::default()
            })),
            roused: sync::Notify::new(),
            over: sync::AtomicBool::new(false),
            beside: Notes::default(),
        })
    }

    /// What a removal names.
    fn pattern(&self) -> [Pattern; 1] {
        [match self.scene.by {
            By::Key => Pattern::key(&key()),
            By::Tag | By::TagAndByHand => Pattern::tag("t"),
        }]
    }

    /// The tags that the entry carries.
    fn tags(&self) -> Vec<String> {
        match self.scene.by {
            By::Key => Vec::new(),
            By::Tag | By::TagAndByHand => vec!["t".to_owned()],
        }
    }

    /// The read path, without its budgets.
    pub(super) fn read(&self) {
        let removed = self.outside.get().removed;
        if let Some(version) = self.look() {
            let stands = version >= removed || self.scene.watch;
            assert!(stands, "stale: {version}, not {removed}");
        }
    }

    pub(super) fn look(&self) -> Option<u64> {
        let strict = self.scene.strict.filter(|_| once_in(2));
        if self.scene.by == By::TagAndByHand && once_in(2) {
            return self.read_by_hand();
        }
        let open = self.tags();
        for _ in 0..4 {
            if strict.is_none()
                && let Some(version) = self.look_in_memory()
            {
                return Some(version);
            }
            let own = strict.and_then(|asks| self.read_for_itself(asks));
            if let Some((_, Examined::Usable(entry))) = &own {
                return Some(entry.version);
            }
            let waiter = match self.local.flights.join(&key(), &[], &open) {
                Joined::Lead(lead) => return Some(self.lead(lead, own)),
                Joined::Wait(waiter) => waiter,
                Joined::Other | Joined::Full => unreachable!("one key, few readers"),
            };
            let waited = if own.is_some() {
                block_on(waiter.wait_for_load())
            } else {
                block_on(waiter.wait())
            };
            match waited {
                Waited::Shared(Outcome::Value(kept)) => return Some(version_of(&kept)),
                Waited::Lead(lead) => return Some(self.lead(lead, None)),
                Waited::Shared(_) | Waited::Alone(..) | Waited::Again(_) => {}
            }
        }
        None
    }

    fn look_in_memory(&self) -> Option<u64> {
        let unheard = self.outside.get().unheard;
        let vouched = self.switch.published().is_some_and(|line| line.works());
        let copy = self.local.memory.get("k", Instant::now())?;
        let version = version_of(&copy.value);
        assert!(
            !vouched || version >= unheard,
            "stale: a copy from the outage, with Redis back"
        );
        Some(version)
    }

    /// Reads as `Cache::get` does: its flight knows no tags, and on a miss the lead goes to a waiter.
    fn read_by_hand(&self) -> Option<u64> {
        if let Some(version) = self.look_in_memory() {
            return Some(version);
        }
        let fence = self.local.fence();
        let line = self.switch.published()?;
        let lead = match self.local.flights.join(&key(), &[], &[]) {
            Joined::Lead(lead) => Some(lead),
            Joined::Wait(_) | Joined::Other | Joined::Full => None,
        };
        let Examined::Usable(entry) = self.ask(&line) else {
            return None;
        };
        if let Some(lead) = lead {
            self.fill(lead.flight(), fence, entry, || {
                Self::stands(&line, entry.number)
            });
            lead.found(Outcome::Value(value(entry.version)));
        }
        Some(entry.version)
    }

    fn read_for_itself(&self, asks: Asks) -> Option<(Arc<Line>, Examined)> {
        let line = self.switch.published()?;
        if asks == Asks::BeforeAndAfter && self.switch.is_shut("k", std::iter::empty()) {
            return Some((line, Examined::Shut));
        }
        let examined = self.ask(&line);
        Some((line, examined))
    }

    fn lead(&self, lead: Lead<Held>, own: Option<(Arc<Line>, Examined)>) -> u64 {
        let fence = self.local.fence();
        let flight = lead.flight().clone();
        let Some(line) = self.switch.published() else {
            return self.load_in_outage(lead, fence);
        };
        let waits = self.first_that_waits();
        if self.switch.is_shut("k", std::iter::empty()) {
            return self.load(lead, &line, None);
        }
        let examined = match own {
            // An answer from another connection says nothing.
            Some((asked, examined)) if Arc::ptr_eq(&asked, &line) => examined,
            _ => {
                flight.forget_pushes();
                self.ask(&line)
            }
        };
        match examined {
            Examined::Usable(entry) => {
                let shut = waits.is_some() && self.first_that_waits() == waits;
                assert!(!shut, "read from Redis what a waiting removal covers");
                self.fill(&flight, fence, entry, || Self::stands(&line, entry.number));
                lead.found(Outcome::Value(value(entry.version)));
                entry.version
            }
            Examined::Replaceable(found) => {
                let lease = self.plant(&line, found);
                self.load(lead, &line, lease)
            }
            Examined::Shut | Examined::Failed => self.load(lead, &line, None),
        }
    }

    /// The number of the oldest removal in the journal, if readers check the journal.
    fn first_that_waits(&self) -> Option<u64> {
        let watched = self.scene.watch.then(|| self.switch.journal.lock());
        watched?.waiting(1).first().map(|(number, _)| *number)
    }

    /// A `GET`, and what its reply means. When the reply is there, all that was pushed before it has been handled.
    fn ask(&self, line: &Line) -> Examined {
        if !line.works() {
            return Examined::Failed;
        }
        let (entry, number) = {
            let outside = self.outside.get();
            (outside.entry, outside.number)
        };
        thread::yield_now();
        if self.scene.by != By::Key {
            self.heard(line, number);
        }
        let tags = self.tags();
        match entry {
            Some(_) if self.switch.is_shut("k", tags.iter().map(String::as_str)) => Examined::Shut,
            Some(entry) if Self::stands(line, entry.number) => Examined::Usable(entry),
            entry => Examined::Replaceable(entry),
        }
    }

    /// Handles a push of the ledger: first the known number, then flights and memory.
    fn heard(&self, line: &Line, number: u64) {
        if line.known() < number {
            line.hear(number);
            self.local.remove(&self.pattern(), None);
        }
    }

    /// True if no removal that covers the entry and is known over that connection has a larger number.
    fn stands(line: &Line, number: u64) -> bool {
        line.known() <= number
    }

    fn fill(&self, flight: &Flight<Held>, fence: u64, entry: Entry, stands: impl FnOnce() -> bool) {
        let copy = copy(entry.version, &self.tags());
        self.local.fill(flight, fence, "k", copy, stands);
    }

    /// Plants a lease, if there is none and what was found is still at the key.
    fn plant(&self, line: &Line, found: Option<Entry>) -> Option<u64> {
        let mut outside = self.outside.get();
        outside.leases += 1;
        if !line.works() || outside.lease.is_some() || outside.entry != found {
            return None;
        }
        outside.entry = None;
        outside.lease = Some(outside.leases);
        outside.lease
    }

    fn load(&self, lead: Lead<Held>, line: &Arc<Line>, lease: Option<u64>) -> u64 {
        lead.begin();
        let number = line.known();
        let version = self.outside.get().database;
        thread::yield_now();
        let outcome = Outcome::Value(value(version));
        if once_in(2) {
            lead.loaded(outcome.clone());
        }
        let entry = Entry { version, number };
        let stored = lease.is_some_and(|lease| self.store(line, lease, entry));
        let tags = self.tags();
        let sure = stored
            && self.switch.is_current(line)
            && Self::stands(line, number)
            && !self.switch.is_shut("k", tags.iter().map(String::as_str));
        lead.settle(outcome, sure);
        version
    }

    fn store(&self, line: &Line, lease: u64, entry: Entry) -> bool {
        let stands = Self::stands(line, entry.number);
        thread::yield_now();
        let mut outside = self.outside.get();
        if outside.lease != Some(lease) {
            return false;
        }
        // A lease whose end cannot be sent to Redis expires there.
        outside.lease = None;
        let stored = stands && line.works();
        if stored {
            outside.entry = Some(entry);
        }
        stored
    }

    fn load_in_outage(&self, lead: Lead<Held>, fence: u64) -> u64 {
        lead.begin();
        let version = self.outside.get().database;
        thread::yield_now();
        let sure = !lead.flight().was_removed(&self.tags()) && self.local.fence() == fence;
        let entry = Entry { version, number: 0 };
        self.fill(lead.flight(), fence, entry, || true);
        lead.settle(Outcome::Value(value(version)), sure);
        version
    }

    /// Writes the database, then removes the entry, as `Cache::remove` does.
    pub(super) fn write_and_remove(&self) {
        let version = {
            let mut outside = self.outside.get();
            outside.database += 1;
            outside.database
        };
        let patterns = self.pattern();
        self.local.remove(&patterns, None);
        let acknowledged = self.switch.published().is_some_and(|line| {
            thread::yield_now();
            // Some of the removals that time out have run in Redis.
            let arrives = line.works() && !once_in(3);
            let number = arrives.then(|| self.outside.get().remove(self.scene.by));
            let answer = number.filter(|_| !once_in(3));
            answer.is_some_and(|number| {
                line.hear(number);
                self.switch.acknowledged(&line, &patterns)
            })
        });
        if acknowledged {
            // Redis pushes this process's own removals, too. Memory and flights do not wait for that push.
            if !off(Safeguard::LocalPass) {
                self.local.remove(&patterns, None);
            }
        } else {
            self.switch.append(&patterns);
            self.roused.notify_one();
            self.local.remove(&patterns, None);
        }
        {
            let mut outside = self.outside.get();
            outside.removed = outside.removed.max(version);
        }
        self.read();
    }

    /// Another process writes and removes. Its push comes a little later, if there is a connection then.
    pub(super) fn write_elsewhere(&self) {
        let (number, connected) = {
            let mut outside = self.outside.get();
            outside.database += 1;
            let number = outside.remove(self.scene.by);
            let connected: Vec<_> = self.lines.iter().filter(|line| line.works()).collect();
            if connected.is_empty() {
                outside.unheard = outside.database;
            }
            (number, connected)
        };
        for line in connected {
            if self.scene.by == By::Key {
                self.local.changed("k");
            } else {
                self.heard(line, number);
            }
        }
    }

    pub(super) fn lose(&self) {
        self.lines[0].cut();
        if once_in(2) {
            thread::yield_now();
        }
        self.switch.lose(&self.lines[0]);
        self.roused.notify_one();
    }

    /// Reads the second key: nobody else reads it, no removal covers it, and it is in Redis.
    pub(super) fn read_other(&self) {
        let mut kept = false;
        for _ in 0..4 {
            let shut = self.switch.is_shut("k", ["t"].into_iter());
            let copy = self.local.memory.get("o", Instant::now());
            assert!(
                copy.is_some() || !kept || self.scene.loss,
                "memory was emptied of what no removal covers"
            );
            let from = if copy.is_some() {
                Some(0)
            } else {
                let filled = self.read_other_from_redis();
                kept = filled == Some(true);
                filled.map(|_| 1)
            };
            // The removal may have been replayed meanwhile; often it waits all the time.
            let still = self.switch.is_shut("k", ["t"].into_iter());
            if let Some(from) = from.filter(|_| shut && still) {
                self.beside.get()[from] += 1;
            }
            thread::yield_now();
        }
    }

    /// Reads the second key from Redis. Returns whether memory has taken the value; `None` in an outage.
    fn read_other_from_redis(&self) -> Option<bool> {
        let Joined::Lead(lead) = self.local.flights.join(&CacheKey::new("o"), &[], &[]) else {
            unreachable!("one reader of that key");
        };
        let fence = self.local.fence();
        let line = self.switch.published()?;
        assert!(
            !self.switch.is_shut("o", std::iter::empty()),
            "shut, and no removal covers it"
        );
        lead.flight().forget_pushes();
        thread::yield_now();
        let copy = copy(0, &[]);
        let filled = self
            .local
            .fill(lead.flight(), fence, "o", copy, || line.works());
        lead.found(Outcome::Value(value(0)));
        Some(filled)
    }

    pub(super) fn supervise(&self) {
        for line in &self.lines {
            line.connect();
            // Subscribes first, then reads.
            let number = self.outside.get().number;
            line.hear(number);
            self.switch.repeat_recent();
            if !self.switch.publish(line) {
                self.switch.breaker.lock().trip(Instant::now(), 0.0);
                continue;
            }
            loop {
                // Read first, so that the code below sees all that the others did before they ended.
                let over = self.over.load(Ordering::SeqCst);
                if line.is_lost() {
                    break;
                }
                if !self.switch.journal.lock().is_empty() {
                    if !self.replay(line) {
                        self.switch.lose(line);
                    }
                } else if over {
                    return;
                } else {
                    block_on(self.roused.notified());
                }
            }
        }
    }

    /// False: the connection does not answer.
    fn replay(&self, line: &Arc<Line>) -> bool {
        let replay = async |_: Vec<Pattern>| {
            thread::yield_now();
            if !line.works() {
                return Err(());
            }
            let number = self.outside.get().remove(self.scene.by);
            // A ledger that has just begun is announced only by a push, which comes with a later reply.
            let known = self.scene.by == By::Key || !once_in(4);
            if known {
                line.hear(number);
            }
            // The answer is handled a little after Redis has given it.
            thread::yield_now();
            Ok(known)
        };
        block_on(self.switch.replay(line, replay)).is_ok()
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.roused.notify_one();
    }
}
