//! The switch between Redis and an outage, with readers, removals by this process, writes by another process and a
//! connection that is lost. Nothing stale is read once a removal has returned. Once Redis is back, memory holds nothing
//! that Redis does not confirm. What a waiting removal covers is shut, while everything else can still be read.

use shuttle::future::block_on;
use shuttle::thread;

use super::*;
use crate::common::safeguard::{Safeguard, turn_off};
use crate::key::{CacheKey, Pattern};
use crate::local::Local;
use crate::local::memory::Memory;
use crate::outage::switch::Connection;
use crate::shuttle_tests::breaker::{Line, switch};
use crate::shuttle_tests::world::{Asks, By, Scene, World};

type Part = fn(&World);

fn play(scene: Scene) -> Arc<World> {
    let world = World::new(scene);
    let act = |part: Part| {
        let world = world.clone();
        thread::spawn(move || part(&world))
    };
    let supervisor = act(World::supervise);
    let mut actors = vec![act(|world| {
        world.read();
        world.read();
    })];
    let others: [(bool, Part); 4] = [
        (scene.removal, |world| {
            world.write_and_remove();
            world.write_and_remove();
        }),
        (scene.elsewhere, World::write_elsewhere),
        (scene.loss, World::lose),
        (scene.other, World::read_other),
    ];
    for (_, part) in others.into_iter().filter(|(plays, _)| *plays) {
        actors.push(act(part));
    }
    for actor in actors {
        actor.join().expect("nobody panics");
    }
    world.end();
    supervisor.join().expect("nobody panics");

    let line = world.switch.published().expect("Redis is back");
    assert!(!line.is_lost(), "a lost connection is published");
    assert_eq!(world.switch.journal.lock().len(), 0, "not replayed");
    let shut = world.switch.is_shut("k", ["t"].into_iter());
    assert!(!shut, "shut, and nothing waits");
    if scene.watch {
        return world;
    }
    let now = world.outside.get().database;
    if let Some(copy) = world.local.memory.get("k", Instant::now()) {
        assert_eq!(
            version_of(&copy.value),
            now,
            "stale: memory holds what Redis does not vouch for"
        );
    }
    // The next read must not be stale, either.
    if let Some(version) = world.look() {
        assert_eq!(version, now, "stale: Redis holds what was removed");
    }
    assert_eq!(world.local.flights.counts(), (0, 0));
    world
}

fn explore_play(schedules: usize, scene: Scene) {
    explore(schedules, move || drop(play(scene)));
}

const REMOVAL: Scene = Scene {
    by: By::Key,
    removal: true,
    elsewhere: false,
    loss: true,
    watch: false,
    other: false,
    strict: None,
};

const ELSEWHERE: Scene = Scene {
    removal: false,
    elsewhere: true,
    ..REMOVAL
};

const OF_A_TAG: Scene = Scene {
    by: By::Tag,
    ..REMOVAL
};

const WATCHED: Scene = Scene {
    watch: true,
    ..REMOVAL
};

const STRICT: Scene = Scene {
    strict: Some(Asks::BeforeAndAfter),
    ..REMOVAL
};

#[test]
fn a_removal_binds_this_process_and_is_not_lost() {
    explore_play(4000, REMOVAL);
}

#[test]
fn a_removal_of_a_tag_binds_this_process_and_is_not_lost() {
    explore_play(4000, OF_A_TAG);
}

#[test]
fn so_does_one_of_a_tag_that_readers_by_hand_do_not_know() {
    let by = By::TagAndByHand;
    explore_play(4000, Scene { by, ..REMOVAL });
}

#[test]
fn memory_forgets_the_outage_at_the_switch() {
    explore_play(4000, ELSEWHERE);
}

#[test]
fn what_a_waiting_removal_covers_is_not_read_from_redis() {
    explore_play(2000, WATCHED);
}

#[test]
fn so_is_what_only_the_entry_tells_to_be_covered() {
    let by = By::Tag;
    explore_play(2000, Scene { by, ..WATCHED });
}

#[test]
fn who_asks_redis_itself_does_not_read_what_waits() {
    explore_play(3000, STRICT);
}

#[test]
fn what_no_removal_covers_goes_on_being_read_from_memory_and_from_redis() {
    let counted = Arc::new(Notes::<[u64; 2]>::default());
    let sum = counted.clone();
    explore(3000, move || {
        let scene = Scene {
            loss: once_in(2),
            other: true,
            ..REMOVAL
        };
        let beside = *play(scene).beside.get();
        let mut sum = sum.get();
        *sum = [sum[0] + beside[0], sum[1] + beside[1]];
    });
    let [from_memory, from_redis] = *counted.get();
    assert!(
        from_memory > 0 && from_redis > 0,
        "never read while the other key was shut"
    );
}

#[test]
fn all_at_once() {
    explore(3000, || {
        let by = if once_in(2) { By::Key } else { By::Tag };
        play(Scene {
            by,
            removal: true,
            other: once_in(2),
            ..ELSEWHERE
        });
    });
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_fence_a_load_from_the_outage_fills_memory_after_it() {
    turn_off(Safeguard::Fence);
    explore_play(4000, ELSEWHERE);
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_flush_memory_keeps_what_it_held_in_the_outage() {
    turn_off(Safeguard::Flush);
    explore_play(4000, ELSEWHERE);
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_replay_redis_keeps_what_was_removed() {
    turn_off(Safeguard::Replay);
    explore_play(4000, REMOVAL);
}

#[test]
#[should_panic(expected = "stale")]
fn without_the_local_pass_a_reader_in_between_brings_it_back() {
    turn_off(Safeguard::LocalPass);
    explore_play(4000, REMOVAL);
}

#[test]
#[should_panic(expected = "stale")]
fn without_shutting_what_waits_it_is_read_from_redis() {
    turn_off(Safeguard::Shut);
    explore_play(4000, REMOVAL);
}

#[test]
#[should_panic(expected = "stale")]
fn without_shutting_what_waits_a_tag_is_read_from_redis() {
    turn_off(Safeguard::Shut);
    explore_play(4000, OF_A_TAG);
}

#[test]
#[should_panic(expected = "read from Redis what a waiting removal covers")]
fn without_shutting_what_waits_those_who_watch_see_it() {
    turn_off(Safeguard::Shut);
    explore_play(2000, WATCHED);
}

/// The removal names a key, and may be replayed between the `GET` and its reply: only the journal knew of it.
#[test]
#[should_panic(expected = "stale")]
fn who_asks_redis_first_and_the_journal_afterwards_reads_what_waited() {
    let strict = Some(Asks::After);
    explore_play(4000, Scene { strict, ..REMOVAL });
}

#[test]
fn a_removal_appended_during_the_replay_is_replayed_again() {
    explore(1000, || {
        let switch = switch(Arc::new(Local::new(
            Memory::new(8, 1 << 16),
            8,
            Duration::ZERO,
        )));
        let (line, made, heard) = (
            Line::new(),
            Arc::new(Notes(Mutex::new(1))),
            Arc::new(Notes::default()),
        );
        assert!(switch.publish(&line));
        let patterns = [Pattern::key(&CacheKey::new("k"))];
        switch.append(&patterns);
        let remover = {
            let (switch, made, heard) = (switch.clone(), made.clone(), heard.clone());
            thread::spawn(move || {
                *made.get() = 2;
                switch.append(&patterns);
                let shut = switch.is_shut("k", std::iter::empty());
                assert!(shut || *heard.get() == 2, "neither shut nor replayed");
            })
        };
        let replay = async |_: Vec<Pattern>| {
            *heard.get() = *made.get();
            thread::yield_now();
            Ok::<bool, ()>(true)
        };
        assert_eq!(block_on(switch.replay(&line, replay)), Ok(true));
        remover.join().expect("nobody panics");
        let waits = !switch.journal.lock().is_empty();
        let shut = switch.is_shut("k", std::iter::empty());
        assert_eq!(waits, shut, "open, and not replayed");
        assert_eq!(block_on(switch.replay(&line, replay)), Ok(true));
        assert_eq!(*heard.get(), 2, "a removal was lost");
        assert!(!switch.is_shut("k", std::iter::empty()), "shut for ever");
    });
}
