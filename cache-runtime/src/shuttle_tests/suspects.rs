//! Tags that are known only from the result of a load: a removal of such a tag comes at any moment, and is judged when
//! the result is known.

use std::sync::atomic::Ordering;

use shuttle::future::block_on;
use shuttle::thread;

use super::*;
use crate::common::safeguard::{Safeguard, turn_off};
use crate::common::sync::AtomicU64;
use crate::key::{CacheKey, Pattern};
use crate::local::Local;
use crate::local::flight::{Joined, Lead, Waited};
use crate::local::memory::Memory;

struct World {
    local: Local<Held>,
    /// Loads are stored in Redis, which gives the verdict. Otherwise there is an outage, and memory keeps them.
    redis: bool,
    /// For each tag the number of its latest removal that this process has heard of.
    known: [AtomicU64; 2],
    story: Notes<Story>,
}

#[derive(Default)]
struct Story {
    /// What the database holds. A version carries one of two tags.
    version: u64,
    removals: u64,
    /// For each tag: versions before this one that carry the tag are removed, and the removal has returned.
    removed: [u64; 2],
    /// Copies that were kept although a removal had been noted that might have named them.
    kept_beside_a_suspect: u64,
}

fn kind(version: u64) -> usize {
    usize::from(version % 2 == 1)
}

fn tag(kind: usize) -> String {
    format!("t:{kind}")
}

impl World {
    fn read(&self) {
        let removed = self.story.get().removed;
        for _ in 0..4 {
            if let Some(copy) = self.local.memory.get("k", Instant::now()) {
                let version = version_of(&copy.value);
                return stands(version, removed, "memory holds what was removed");
            }
            let open = ["t:".to_owned()];
            let waiter = match self.local.flights.join(&CacheKey::new("k"), &[], &open) {
                Joined::Lead(lead) => return self.lead(lead),
                Joined::Wait(waiter) => waiter,
                Joined::Other | Joined::Full => unreachable!("one key, few readers"),
            };
            match block_on(waiter.wait()) {
                Waited::Shared(Outcome::Value(kept)) => {
                    return stands(version_of(&kept), removed, "shared what was removed");
                }
                Waited::Lead(lead) => return self.lead(lead),
                Waited::Shared(_) | Waited::Alone(..) | Waited::Again(_) => {}
            }
        }
    }

    fn lead(&self, lead: Lead<Held>) {
        let fence = self.local.fence();
        lead.begin();
        let known = [0, 1].map(|kind| self.known[kind].load(Ordering::SeqCst));
        let version = self.story.get().version;
        thread::yield_now();
        let (outcome, kind) = (Outcome::Value(value(version)), kind(version));
        let tags = [tag(kind)];
        if self.redis {
            lead.loaded(outcome.clone());
            let sure = self.known[kind].load(Ordering::SeqCst) == known[kind];
            thread::yield_now();
            return lead.settle(outcome, sure);
        }
        let sure = !lead.flight().was_removed(&tags) && self.local.fence() == fence;
        let flight = lead.flight();
        let kept = self
            .local
            .fill(flight, fence, "k", copy(version, &tags), || true);
        if kept && flight.was_removed(&[tag(1 - kind)]) {
            self.story.get().kept_beside_a_suspect += 1;
        }
        lead.settle(outcome, sure);
    }

    /// Writes the row, then removes the tag that it carried before, or all tags of the kind.
    fn write_and_remove(&self) {
        let (old, number) = {
            let mut story = self.story.get();
            story.version += 1;
            story.removals += 1;
            (story.version - 1, story.removals)
        };
        let (pattern, kinds) = if once_in(4) {
            (Pattern::TagPrefix("t:".into()), vec![0, 1])
        } else {
            (Pattern::tag(tag(kind(old))), vec![kind(old)])
        };
        for kind in &kinds {
            self.known[*kind].fetch_max(number, Ordering::SeqCst);
        }
        self.local.remove(&[pattern], None);
        for kind in kinds {
            let removed = &mut self.story.get().removed[kind];
            *removed = (*removed).max(old + 1);
        }
        self.read();
    }
}

fn stands(version: u64, removed: [u64; 2], otherwise: &str) {
    assert!(version >= removed[kind(version)], "{otherwise}");
}

/// Returns how many copies were kept beside a suspect. `handed_over`: the first leader knows no tags, and is dropped.
fn play(redis: bool, handed_over: bool) -> u64 {
    let world = Arc::new(World {
        local: Local::new(Memory::new(8, 1 << 16), 8, Duration::ZERO),
        redis,
        known: [AtomicU64::new(0), AtomicU64::new(0)],
        story: Notes::default(),
    });
    let act = |part: fn(&World)| {
        let world = world.clone();
        thread::spawn(move || part(&world))
    };
    let reads: fn(&World) = |world| (0..2).for_each(|_| world.read());
    let by_hand = handed_over.then(|| world.local.flights.join(&CacheKey::new("k"), &[], &[]));
    let actors = [
        act(reads),
        act(reads),
        act(World::write_and_remove),
        act(World::write_and_remove),
    ];
    drop(by_hand);
    for actor in actors {
        actor.join().expect("nobody panics");
    }
    let removed = world.story.get().removed;
    if let Some(copy) = world.local.memory.get("k", Instant::now()) {
        let version = version_of(&copy.value);
        stands(version, removed, "memory holds what was removed");
    }
    assert_eq!(world.local.flights.counts(), (0, 0));
    world.story.get().kept_beside_a_suspect
}

#[test]
fn in_an_outage_a_removed_tag_is_neither_kept_nor_shared() {
    let kept = Arc::new(Notes::<u64>::default());
    let counted = kept.clone();
    explore(3000, move || {
        let kept = play(false, false);
        *counted.get() += kept;
    });
    assert!(*kept.get() > 0, "every suspect stops every copy");
}

#[test]
fn a_flight_that_was_handed_over_knows_the_tags_of_who_took_it() {
    explore(3000, || {
        play(false, true);
    });
}

#[test]
fn with_redis_a_removed_tag_is_not_shared() {
    explore(3000, || {
        play(true, false);
    });
}

#[test]
#[should_panic(expected = "memory holds what was removed")]
fn without_the_guard_a_removed_tag_is_kept() {
    turn_off(Safeguard::Guard);
    explore(3000, || {
        play(false, false);
    });
}

#[test]
#[should_panic(expected = "what was removed")]
fn without_suspects_a_removed_tag_is_kept_or_shared() {
    turn_off(Safeguard::Retire);
    explore(3000, || {
        play(false, false);
    });
}

#[test]
#[should_panic(expected = "shared what was removed")]
fn without_the_verdict_a_removed_tag_is_shared() {
    turn_off(Safeguard::Verdict);
    explore(3000, || {
        play(true, false);
    });
}
