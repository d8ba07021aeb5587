//! The switch between Redis and outage, with readers, this process's removals, another process's writes and a
//! connection that is lost: nothing stale is read once a removal has returned, and nothing that Redis does not vouch for
//! is in memory once Redis is back.

use std::sync::atomic::Ordering;

use shuttle::future::block_on;
use shuttle::thread;

use super::breaker::{Line, switch};
use super::*;
use crate::flight::{Joined, Lead, Waited};
use crate::key::{CacheKey, Pattern};
use crate::local::Local;
use crate::memory::Memory;
use crate::redis::{Switch, Way};
use crate::sabotage::{Safeguard, off, turn_off};
use crate::sync;

struct World {
    local: Arc<Local<Held>>,
    switch: Arc<Switch<Line, Held>>,
    lines: [Arc<Line>; 2],
    outside: Notes<Outside>,
    roused: sync::Notify,
    /// Everybody but the supervisor has ended.
    over: sync::AtomicBool,
}

/// The database and Redis.
#[derive(Default)]
struct Outside {
    database: u64,
    entry: Option<u64>,
    /// Who may store, by number.
    lease: Option<u64>,
    leases: u64,
    /// The version that the removal which returned last has made.
    removed: u64,
    /// The version that another process made while no push could reach this one.
    unheard: u64,
}

impl Outside {
    fn remove(&mut self) {
        self.entry = None;
        self.lease = None;
    }
}

fn key() -> CacheKey {
    CacheKey::new("k")
}

impl World {
    /// The read path, without its budgets.
    fn read(&self) {
        let removed = self.outside.get().removed;
        if let Some(version) = self.look() {
            assert!(version >= removed, "stale: {version}, not {removed}");
        }
    }

    fn look(&self) -> Option<u64> {
        for _ in 0..4 {
            let unheard = self.outside.get().unheard;
            let vouched = self.switch.published().is_some_and(|line| line.works());
            if let Some(copy) = self.local.memory.get("k", Instant::now()) {
                let version = version_of(&copy.value);
                assert!(
                    !vouched || version >= unheard,
                    "stale: a copy from the outage, with Redis back"
                );
                return Some(version);
            }
            let waiter = match self.local.flights.join(&key(), &[], &[]) {
                Joined::Lead(lead) => return Some(self.lead(lead)),
                Joined::Wait(waiter) => waiter,
                Joined::Other | Joined::Full => unreachable!("one key, few readers"),
            };
            match block_on(waiter.wait()) {
                Waited::Shared(Outcome::Value(kept)) => return Some(version_of(&kept)),
                Waited::Lead(lead) => return Some(self.lead(lead)),
                Waited::Shared(_) | Waited::Alone(..) | Waited::Again(_) => {}
            }
        }
        None
    }

    fn lead(&self, lead: Lead<Held>) -> u64 {
        let fence = self.local.fence();
        let flight = lead.flight().clone();
        let Some(line) = self.switch.published() else {
            return self.load_in_outage(lead, fence);
        };
        flight.clean();
        thread::yield_now();
        let found = self.outside.get().entry;
        if let Some(version) = found {
            self.local.fill(&flight, fence, "k", copy(version));
            lead.found(Outcome::Value(value(version)));
            return version;
        }
        let lease = {
            let mut outside = self.outside.get();
            outside.leases += 1;
            let free = outside.lease.is_none() && outside.entry.is_none();
            let lease = free.then_some(outside.leases);
            if free {
                outside.lease = lease;
            }
            lease
        };
        lead.begin();
        let version = self.outside.get().database;
        thread::yield_now();
        let stored = {
            let mut outside = self.outside.get();
            let stands = lease.is_some() && outside.lease == lease && line.works();
            if stands {
                outside.lease = None;
                outside.entry = Some(version);
            }
            stands
        };
        let sure = stored && self.switch.is_current(&line);
        lead.settle(Outcome::Value(value(version)), sure);
        version
    }

    fn load_in_outage(&self, lead: Lead<Held>, fence: u64) -> u64 {
        lead.begin();
        let version = self.outside.get().database;
        thread::yield_now();
        self.local.fill(lead.flight(), fence, "k", copy(version));
        let sure = !lead.flight().is_retired() && self.local.fence() == fence;
        lead.settle(Outcome::Value(value(version)), sure);
        version
    }

    /// The database is written, then the key removed, as `Cache::remove` does it.
    fn write_and_remove(&self) {
        let version = {
            let mut outside = self.outside.get();
            outside.database += 1;
            outside.database
        };
        let patterns = [Pattern::key(&key())];
        self.local.remove(&patterns, None);
        let acknowledged = self.switch.published().is_some_and(|line| {
            thread::yield_now();
            // Of the time-outs some have run.
            let arrives = line.works() && !once_in(3);
            if arrives {
                self.outside.get().remove();
            }
            let answered = arrives && !once_in(3);
            answered && self.switch.acknowledged(&line, &patterns)
        });
        if acknowledged {
            // What this process has removed, Redis pushes as well; the pass does not wait for that.
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

    /// Another process writes and removes. Its push comes a little later, if anybody is connected then.
    fn write_elsewhere(&self) {
        let connected = {
            let mut outside = self.outside.get();
            outside.database += 1;
            outside.remove();
            let connected = self.lines.iter().any(|line| line.works());
            if !connected {
                outside.unheard = outside.database;
            }
            connected
        };
        if connected {
            self.local.changed("k");
        }
    }

    fn lose(&self) {
        self.lines[0].cut();
        if once_in(2) {
            thread::yield_now();
        }
        self.switch.lose(&self.lines[0]);
        self.roused.notify_one();
    }

    fn supervise(&self) {
        for line in &self.lines {
            line.connect();
            let since = self.switch.last_contact();
            self.switch.journal.lock().repeat_recent(since);
            if !self.catch_up(line) {
                self.switch.breaker.lock().trip(Instant::now(), 0.0);
                continue;
            }
            loop {
                // Looked at first: what the others did before they ended is seen below.
                let over = self.over.load(Ordering::SeqCst);
                if line.is_lost() {
                    break;
                }
                if !self.switch.journal.lock().is_empty() {
                    if !self.catch_up(line) {
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

    fn catch_up(&self, line: &Arc<Line>) -> bool {
        let replay = async |_: Pattern| {
            thread::yield_now();
            if !line.works() {
                return Err(());
            }
            self.outside.get().remove();
            Ok(())
        };
        block_on(self.switch.catch_up(line, replay)).unwrap_or(false)
    }

    /// Never both: open to reads, and a removal that Redis has not heard of.
    fn watch(&self) {
        for _ in 0..3 {
            let journal = self.switch.journal.lock();
            let open = self.switch.published().is_some();
            assert!(
                !open || journal.is_empty(),
                "published while the journal holds something"
            );
            drop(journal);
            thread::yield_now();
        }
    }
}

#[derive(Clone, Copy)]
struct Scene {
    removal: bool,
    elsewhere: bool,
    loss: bool,
    watch: bool,
}

fn play(scene: Scene) {
    let local = Arc::new(Local::new(Memory::new(8, 1 << 16), 8));
    let world = Arc::new(World {
        switch: switch(local.clone()),
        local,
        lines: [Line::new(), Line::new()],
        outside: Notes(Mutex::new(Outside {
            entry: Some(0),
            ..Outside::default()
        })),
        roused: sync::Notify::new(),
        over: sync::AtomicBool::new(false),
    });
    let act = |part: fn(&World)| {
        let world = world.clone();
        thread::spawn(move || part(&world))
    };
    let supervisor = act(World::supervise);
    let mut actors = vec![act(|world| {
        world.read();
        world.read();
    })];
    let others: [(bool, fn(&World)); 4] = [
        (scene.removal, |world| {
            world.write_and_remove();
            world.write_and_remove();
        }),
        (scene.elsewhere, World::write_elsewhere),
        (scene.loss, World::lose),
        (scene.watch, World::watch),
    ];
    for (_, part) in others.into_iter().filter(|(plays, _)| *plays) {
        actors.push(act(part));
    }
    for actor in actors {
        actor.join().expect("nobody panics");
    }
    world.over.store(true, Ordering::SeqCst);
    world.roused.notify_one();
    supervisor.join().expect("nobody panics");

    let line = world.switch.published().expect("Redis is back");
    assert!(!line.is_lost(), "a lost connection is published");
    assert_eq!(world.switch.journal.lock().len(), 0, "not replayed");
    let now = world.outside.get().database;
    if let Some(copy) = world.local.memory.get("k", Instant::now()) {
        assert_eq!(
            version_of(&copy.value),
            now,
            "stale: memory holds what Redis does not vouch for"
        );
    }
    // The next read, too.
    if let Some(version) = world.look() {
        assert_eq!(version, now, "stale: Redis holds what was removed");
    }
    assert_eq!(world.local.flights.standing(), (0, 0));
}

const REMOVAL: Scene = Scene {
    removal: true,
    elsewhere: false,
    loss: true,
    watch: false,
};

const ELSEWHERE: Scene = Scene {
    removal: false,
    elsewhere: true,
    loss: true,
    watch: false,
};

#[test]
fn a_removal_binds_this_process_and_is_not_lost() {
    explore(4000, || play(REMOVAL));
}

#[test]
fn memory_forgets_the_outage_at_the_switch() {
    explore(4000, || play(ELSEWHERE));
}

#[test]
fn nothing_is_read_while_the_journal_holds_something() {
    explore(2000, || {
        play(Scene {
            watch: true,
            ..REMOVAL
        });
    });
}

#[test]
fn all_at_once() {
    explore(3000, || {
        play(Scene {
            removal: true,
            ..ELSEWHERE
        });
    });
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_fence_a_load_from_the_outage_fills_memory_after_it() {
    turn_off(Safeguard::Fence);
    explore(4000, || play(ELSEWHERE));
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_flush_memory_keeps_what_it_held_in_the_outage() {
    turn_off(Safeguard::Flush);
    explore(4000, || play(ELSEWHERE));
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_replay_redis_keeps_what_was_removed() {
    turn_off(Safeguard::Replay);
    explore(4000, || play(REMOVAL));
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_local_pass_a_reader_in_between_brings_it_back() {
    turn_off(Safeguard::LocalPass);
    explore(4000, || play(REMOVAL));
}

#[test]
fn a_removal_appended_during_the_replay_is_replayed_again() {
    explore(1000, || {
        let switch = switch(Arc::new(Local::new(Memory::new(8, 1 << 16), 8)));
        let (line, made, heard) = (
            Line::new(),
            Arc::new(Notes(Mutex::new(1))),
            Notes::default(),
        );
        let patterns = [Pattern::key(&key())];
        switch.append(&patterns);
        let remover = {
            let (switch, made) = (switch.clone(), made.clone());
            thread::spawn(move || {
                *made.get() = 2;
                switch.append(&patterns);
            })
        };
        let replay = async |_: Pattern| {
            *heard.get() = *made.get();
            thread::yield_now();
            Ok::<(), ()>(())
        };
        assert_eq!(block_on(switch.catch_up(&line, replay)), Ok(true));
        remover.join().expect("nobody panics");
        let waits = !switch.journal.lock().is_empty();
        assert!(
            !waits || switch.published().is_none(),
            "open, and not replayed"
        );
        assert_eq!(block_on(switch.catch_up(&line, replay)), Ok(true));
        assert_eq!(*heard.get(), 2, "a removal was lost");
    });
}
