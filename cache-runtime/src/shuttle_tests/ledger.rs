//! The ledger of removals: an entry that a removal covers stays in Redis with its old number, and readers compare the
//! numbers. The actors are readers, loads that store, and removals by this process and by others. The push of a removal
//! comes before every reply to what is executed after it.

use std::sync::atomic::Ordering;

use shuttle::future::block_on;
use shuttle::thread;

use super::*;
use crate::common::safeguard::{Safeguard, off, turn_off};
use crate::common::sync;
use crate::key::{CacheKey, Pattern};
use crate::local::Local;
use crate::local::flight::{Joined, Lead, Waited};
use crate::local::memory::Memory;

#[derive(Clone, Copy)]
struct Scene {
    /// Half of the reads are by hand: they do not know the tag that the entry carries, and load nothing.
    by_hand: bool,
    /// A removal of this process, of another one, or one of each.
    here: bool,
    elsewhere: bool,
    /// Some readers accept no push delay and ask Redis themselves.
    strict: bool,
    /// A fill checks under memory's lock whether the entry is still valid.
    checked: bool,
    /// A push raises the known number before it is applied to memory and flights.
    known_first: bool,
    /// Readers must read nothing stale. Otherwise only what memory holds in the end is checked.
    readers_judge: bool,
}

const COVERED: Scene = Scene {
    by_hand: false,
    here: true,
    elsewhere: true,
    strict: false,
    checked: true,
    known_first: true,
    readers_judge: true,
};

const BY_HAND: Scene = Scene {
    by_hand: true,
    ..COVERED
};

const HERE: Scene = Scene {
    elsewhere: false,
    ..COVERED
};

const STRICT: Scene = Scene {
    strict: true,
    ..COVERED
};

/// Only memory is checked, while pushes arrive.
const PUSHES: Scene = Scene {
    here: false,
    readers_judge: false,
    ..BY_HAND
};

struct World {
    local: Local<Held>,
    scene: Scene,
    redis: Notes<Redis>,
    /// The number of the latest removal that this process knows.
    known: sync::AtomicU64,
    /// The connection: pushes up to this number have been handled, one after the other.
    pushed: sync::Mutex<u64>,
    removed: Notes<Removed>,
}

/// Redis and the database.
#[derive(Default)]
struct Redis {
    database: u64,
    entry: Option<Entry>,
    lease: Option<u64>,
    leases: u64,
    /// The number of the latest removal.
    number: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    version: u64,
    number: u64,
}

/// Versions before these are removed.
#[derive(Clone, Copy, Default)]
struct Removed {
    /// Redis has acknowledged the removal, to any process.
    acknowledged: u64,
    /// This process has heard of the removal, too.
    heard: u64,
}

fn tags() -> [String; 1] {
    ["t".to_owned()]
}

impl World {
    fn read(&self) {
        let removed = *self.removed.get();
        let read = if self.scene.strict && once_in(2) {
            (self.look(true), removed.acknowledged)
        } else {
            (self.look(false), removed.heard)
        };
        if let (Some(version), removed) = read {
            let stands = version >= removed || !self.scene.readers_judge;
            assert!(stands, "stale: {version}, not {removed}");
        }
    }

    /// The read path. `strict`: memory is not asked, and every round begins with a `GET` of the reader's own.
    fn look(&self, strict: bool) -> Option<u64> {
        if self.scene.by_hand && once_in(2) {
            return self.look_by_hand();
        }
        for _ in 0..4 {
            let copy = self.local.memory.get("k", Instant::now());
            if let Some(copy) = copy.filter(|_| !strict) {
                return Some(version_of(&copy.value));
            }
            let own = (strict && !off(Safeguard::OwnGet)).then(|| self.get());
            if let Some(Some(entry)) = own
                && self.stands(entry.number)
            {
                return Some(entry.version);
            }
            let waiter = match self.local.flights.join(&CacheKey::new("k"), &tags(), &[]) {
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

    /// Reads as `Cache::get` does: its flight knows no tags, and on a miss the lead goes to a waiter.
    fn look_by_hand(&self) -> Option<u64> {
        if let Some(copy) = self.local.memory.get("k", Instant::now()) {
            return Some(version_of(&copy.value));
        }
        let fence = self.local.fence();
        let lead = match self.local.flights.join(&CacheKey::new("k"), &[], &[]) {
            Joined::Lead(lead) => Some(lead),
            Joined::Wait(_) | Joined::Other | Joined::Full => None,
        };
        let Entry { version, number } = self.get().filter(|entry| self.stands(entry.number))?;
        if let Some(lead) = lead {
            self.found(lead, fence, version, number);
        }
        Some(version)
    }

    fn lead(&self, lead: Lead<Held>, own: Option<Option<Entry>>) -> u64 {
        let fence = self.local.fence();
        let found = own.unwrap_or_else(|| {
            lead.flight().forget_pushes();
            self.get()
        });
        if let Some(Entry { version, number }) = found
            && self.stands(number)
        {
            self.found(lead, fence, version, number);
            return version;
        }
        let lease = self.plant(found);
        lead.begin();
        let number = self.known.load(Ordering::SeqCst);
        let version = self.redis.get().database;
        thread::yield_now();
        let outcome = Outcome::Value(value(version));
        if once_in(2) {
            lead.loaded(outcome.clone());
        }
        let stored = lease.is_some_and(|lease| self.store(lease, Entry { version, number }));
        let sure = stored && self.stands(number);
        lead.settle(outcome, sure);
        version
    }

    fn found(&self, lead: Lead<Held>, fence: u64, version: u64, number: u64) {
        let copy = copy(version, &tags());
        let stands = || !self.scene.checked || self.stands(number);
        self.local.fill(lead.flight(), fence, "k", copy, stands);
        lead.found(Outcome::Value(value(version)));
    }

    /// The entry at the key. When the reply is there, all that was pushed before it has been handled.
    fn get(&self) -> Option<Entry> {
        let (entry, number) = {
            let redis = self.redis.get();
            (redis.entry, redis.number)
        };
        thread::yield_now();
        if !off(Safeguard::PushOrder) {
            self.push(number);
        }
        entry
    }

    /// True if no removal that covers the entry has a larger number.
    fn stands(&self, number: u64) -> bool {
        self.known.load(Ordering::SeqCst) <= number || off(Safeguard::Number)
    }

    /// Plants a lease, if what was found is still at the key.
    fn plant(&self, found: Option<Entry>) -> Option<u64> {
        let mut redis = self.redis.get();
        if redis.lease.is_some() || redis.entry != found {
            return None;
        }
        redis.leases += 1;
        redis.entry = None;
        redis.lease = Some(redis.leases);
        redis.lease
    }

    fn store(&self, lease: u64, entry: Entry) -> bool {
        let stands = self.stands(entry.number);
        let mut redis = self.redis.get();
        assert_eq!(redis.lease, Some(lease), "nobody else ends it");
        redis.lease = None;
        redis.entry = stands.then_some(entry);
        stands
    }

    /// Writes the row.
    fn write(&self) -> u64 {
        let mut redis = self.redis.get();
        redis.database += 1;
        redis.database
    }

    /// Removes the tag in Redis. Returns the removal's number.
    fn record(&self) -> u64 {
        let mut redis = self.redis.get();
        redis.number += 1;
        redis.number
    }

    /// Handles the pushes up to this number.
    fn push(&self, number: u64) {
        let mut pushed = self.pushed.lock();
        if *pushed >= number {
            return;
        }
        *pushed = number;
        let pattern = [Pattern::tag("t")];
        if self.scene.known_first {
            self.known.fetch_max(number, Ordering::SeqCst);
            self.local.remove(&pattern, None);
        } else {
            self.local.remove(&pattern, None);
            self.known.fetch_max(number, Ordering::SeqCst);
        }
    }

    fn write_elsewhere(&self) {
        let version = self.write();
        let number = self.record();
        self.acknowledged(version);
        thread::yield_now();
        self.push(number);
        self.heard(version);
        self.read();
    }

    /// Writes and removes as `Cache::remove` does. The server may push this process's own removal after its reply: the
    /// push then comes with the next reply.
    fn write_here(&self) {
        let version = self.write();
        let pattern = [Pattern::tag("t")];
        self.local.remove(&pattern, None);
        let number = self.record();
        thread::yield_now();
        self.known.fetch_max(number, Ordering::SeqCst);
        if !off(Safeguard::LocalPass) {
            self.local.remove(&pattern, None);
        }
        self.acknowledged(version);
        self.heard(version);
        self.read();
    }

    fn acknowledged(&self, version: u64) {
        let mut removed = self.removed.get();
        removed.acknowledged = removed.acknowledged.max(version);
    }

    fn heard(&self, version: u64) {
        let mut removed = self.removed.get();
        removed.heard = removed.heard.max(version);
    }
}

type Part = fn(&World);

fn play(scene: Scene) {
    let entry = Entry {
        version: 0,
        number: 0,
    };
    let world = Arc::new(World {
        local: Local::new(Memory::new(8, 1 << 16), 8, Duration::ZERO),
        scene,
        redis: Notes(Mutex::new(Redis {
            entry: Some(entry),
            ..Redis::default()
        })),
        known: sync::AtomicU64::new(0),
        pushed: sync::Mutex::default(),
        removed: Notes::default(),
    });
    let reads: Part = |world| (0..2).for_each(|_| world.read());
    let parts: [(bool, Part); 4] = [
        (true, reads),
        (true, reads),
        (scene.here, World::write_here),
        (scene.elsewhere, World::write_elsewhere),
    ];
    let actors: Vec<_> = parts
        .into_iter()
        .filter(|(plays, _)| *plays)
        .map(|(_, part)| {
            let world = world.clone();
            thread::spawn(move || part(&world))
        })
        .collect();
    for actor in actors {
        actor.join().expect("nobody panics");
    }
    let removed = world.removed.get().heard;
    if let Some(copy) = world.local.memory.get("k", Instant::now()) {
        let stands = version_of(&copy.value) >= removed;
        assert!(stands, "memory holds what was removed");
    }
    assert_eq!(world.local.flights.counts(), (0, 0));
}

#[test]
fn what_the_ledger_covers_is_not_read() {
    explore(2000, || play(COVERED));
}

#[test]
fn so_is_it_where_only_the_entry_tells_its_tags() {
    explore(2000, || play(BY_HAND));
}

#[test]
fn who_asks_redis_itself_reads_nothing_that_any_process_has_removed() {
    explore(2000, || play(STRICT));
}

/// The flights do not know the tag, so retiring flights does not help: the check under memory's lock must be enough.
#[test]
fn a_push_that_raises_what_is_known_first_leaves_nothing_covered_in_memory() {
    turn_off(Safeguard::Retire);
    explore(2000, || play(PUSHES));
}

#[test]
#[should_panic(expected = "memory holds what was removed")]
fn without_the_check_a_push_is_overtaken() {
    turn_off(Safeguard::Retire);
    explore(2000, || {
        play(Scene {
            checked: false,
            ..PUSHES
        });
    });
}

#[test]
#[should_panic(expected = "memory holds what was removed")]
fn with_memory_first_a_push_is_overtaken() {
    turn_off(Safeguard::Retire);
    explore(2000, || {
        play(Scene {
            known_first: false,
            ..PUSHES
        });
    });
}

#[test]
#[should_panic(expected = "stale")]
fn without_numbers_what_was_removed_is_read_again() {
    turn_off(Safeguard::Number);
    explore(2000, || play(COVERED));
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_order_of_pushes_a_reply_is_older_than_what_was_acknowledged() {
    turn_off(Safeguard::PushOrder);
    explore(2000, || play(STRICT));
}

#[test]
#[should_panic(expected = "stale")]
fn without_a_get_of_its_own_a_reader_shares_one_from_before_it_came() {
    turn_off(Safeguard::OwnGet);
    explore(2000, || play(STRICT));
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_local_pass_a_copy_outlives_this_process_s_removal() {
    turn_off(Safeguard::LocalPass);
    explore(2000, || play(HERE));
}
