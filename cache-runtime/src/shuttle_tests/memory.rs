//! Fills of memory, between pushes, removals and "everything changed": what came after a read wins over that read.

use shuttle::future::block_on;
use shuttle::thread;

use super::*;
use crate::common::safeguard::{Safeguard, turn_off};
use crate::key::{CacheKey, Pattern};
use crate::local::Local;
use crate::local::flight::Joined;
use crate::local::memory::Memory;

struct World {
    local: Local<Held>,
    /// What Redis holds now.
    version: Notes<u64>,
}

impl World {
    /// A tracked read, as the leader of a flight makes it.
    fn read(&self) {
        let lead = match self.local.flights.join(&CacheKey::new("k"), &[], &[]) {
            Joined::Lead(lead) => lead,
            Joined::Wait(waiter) => return drop(block_on(waiter.wait())),
            Joined::Other | Joined::Full => unreachable!("one key, few readers"),
        };
        let fence = self.local.fence();
        lead.flight().forget_pushes();
        let version = *self.version.get();
        let copy = copy(version, &[]);
        self.local.fill(lead.flight(), fence, "k", copy, || true);
        lead.found(Outcome::Value(value(version)));
    }

    fn write(&self) -> u64 {
        let mut version = self.version.get();
        *version += 1;
        *version
    }

    fn no_older(&self, version: u64) {
        if let Some(copy) = self.local.memory.get("k", Instant::now()) {
            assert!(
                version_of(&copy.value) >= version,
                "memory holds what was read before"
            );
        }
    }
}

/// Runs a removal by this process, a push or `FLUSHALL` between readers.
fn play(change: fn(&Local<Held>)) {
    let world = Arc::new(World {
        local: Local::new(Memory::new(8, 1 << 16), 8, Duration::ZERO),
        version: Notes::default(),
    });
    let mut actors = Vec::new();
    for _ in 0..2 {
        let world = world.clone();
        actors.push(thread::spawn(move || (0..2).for_each(|_| world.read())));
    }
    for _ in 0..2 {
        let world = world.clone();
        actors.push(thread::spawn(move || {
            let version = world.write();
            change(&world.local);
            world.no_older(version);
        }));
    }
    for actor in actors {
        actor.join().expect("nobody panics");
    }
    let version = *world.version.get();
    world.no_older(version);
    assert_eq!(world.local.flights.counts(), (0, 0));
}

fn push(local: &Local<Held>) {
    local.changed("k");
}

fn removal(local: &Local<Held>) {
    let pattern = if once_in(2) {
        Pattern::all()
    } else {
        Pattern::key(&CacheKey::new("k"))
    };
    local.remove(&[pattern], None);
}

fn everything(local: &Local<Held>) {
    local.everything_changed();
}

#[test]
fn what_was_read_before_a_push_is_not_in_memory_after_it() {
    explore(3000, || play(push));
}

#[test]
fn what_was_read_before_a_removal_is_not_in_memory_after_it() {
    explore(3000, || play(removal));
}

#[test]
fn what_was_read_before_everything_changed_is_not_in_memory_after_it() {
    explore(3000, || play(everything));
}

#[test]
#[should_panic(expected = "memory holds what was read before")]
fn without_the_guard_a_push_is_overtaken() {
    turn_off(Safeguard::Guard);
    explore(3000, || play(push));
}

#[test]
#[should_panic(expected = "memory holds what was read before")]
fn without_the_guard_a_removal_is_overtaken() {
    turn_off(Safeguard::Guard);
    explore(3000, || play(removal));
}

#[test]
#[should_panic(expected = "memory holds what was read before")]
fn without_the_fence_everything_changed_is_overtaken() {
    turn_off(Safeguard::Fence);
    explore(3000, || play(everything));
}
