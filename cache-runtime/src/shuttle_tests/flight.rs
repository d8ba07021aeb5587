//! One load per key, and who shares it. There are several readers, a removal and a push, each at any moment, and any
//! reader may be dropped.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::thread;

use super::*;
use crate::common::safeguard::{Safeguard, turn_off};
use crate::key::{CacheKey, Pattern};
use crate::local::flight::{Joined, Lead, Waited, Waiter};

/// Which actors take part.
#[derive(Clone, Copy, Default)]
struct Scene {
    readers: usize,
    /// Leaders and waiters may be dropped at any moment.
    drops: bool,
    removal: bool,
    push: bool,
}

#[derive(Default)]
struct World {
    flights: Option<Arc<Flights<Held>>>,
    leases: Leases,
    story: Notes<Story>,
}

#[derive(Default)]
struct Story {
    now: u64,
    loads: Vec<Load>,
    /// The flights that are led now, and which of them cannot be retired.
    led: Vec<(usize, bool)>,
    removal: Option<Span>,
    push: Option<Span>,
}

/// A load, or a read that made a load superfluous. Its number is its value.
struct Load {
    /// The load began between these two moments.
    began: Span,
    read: bool,
    sure: bool,
}

#[derive(Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
}

impl Story {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn start(&mut self, read: bool) -> u64 {
        let from = self.tick();
        let began = Span { from, to: u64::MAX };
        self.loads.push(Load {
            began,
            read,
            sure: false,
        });
        self.loads.len() as u64 - 1
    }

    fn started(&mut self, load: u64) {
        let now = self.tick();
        self.load(load).began.to = now;
    }

    fn load(&mut self, number: u64) -> &mut Load {
        &mut self.loads[usize::try_from(number).expect("a small number")]
    }

    /// A reader that came at `came` has been given that load: checks that it may share it.
    fn shared(&mut self, came: u64, load: u64, loads_only: bool) {
        let (removal, push) = (self.removal, self.push);
        let load = self.load(load);
        let earlier = load.began.to < came;
        assert!(
            !earlier || load.sure,
            "shared a load that had begun before, without a verdict"
        );
        assert!(
            !loads_only || !(earlier || load.read),
            "shared what its own read may have overtaken"
        );
        let older = |span: Option<Span>| {
            span.is_some_and(|span| span.to < came && load.began.to < span.from)
        };
        assert!(
            !older(removal),
            "shared a load from before a removal that had returned"
        );
        assert!(
            !(load.read && older(push)),
            "shared a read from before a push that had arrived"
        );
    }
}

impl World {
    fn join(&self) -> Joined<Held> {
        let flights = self.flights.as_ref().expect("set at the start");
        flights.join(&CacheKey::new("k"), &[], &[])
    }

    fn tick(&self) -> u64 {
        self.story.get().tick()
    }

    /// Notes that this flight has this leader. Checks that it has no other, and that no second flight of the key is led
    /// unless one of them is retired.
    fn take(&self, came: u64, lead: &Lead<Held>) {
        let flight = Arc::as_ptr(lead.flight()) as usize;
        let mut story = self.story.get();
        let stands = story.removal.is_none_or(|removal| removal.to < came);
        for (led, other_stands) in &story.led {
            assert_ne!(*led, flight, "two leaders of one flight");
            assert!(
                !(stands && *other_stands),
                "two flights of one key, and none of them is retired"
            );
        }
        story.led.push((flight, stands));
    }

    fn leave(&self, lead: &Lead<Held>) {
        let flight = Arc::as_ptr(lead.flight()) as usize;
        self.story.get().led.retain(|(led, _)| *led != flight);
    }

    fn read(&self, scene: Scene) {
        let came = self.tick();
        for _ in 0..6 {
            let waiter = match self.join() {
                Joined::Lead(lead) => return self.lead(came, lead, scene),
                Joined::Wait(waiter) => waiter,
                Joined::Other | Joined::Full => unreachable!("one key, few readers"),
            };
            let loads_only = once_in(4);
            let Some(waited) = self.wait(waiter, loads_only, scene) else {
                return;
            };
            match waited {
                Waited::Shared(outcome) => {
                    let load = shared(&outcome);
                    return self.story.get().shared(came, load, loads_only);
                }
                Waited::Lead(lead) => return self.lead(came, lead, scene),
                Waited::Alone(flight, _) => {
                    let turn = block_on(flight.turn());
                    return drop(turn);
                }
                Waited::Again(_) => {}
            }
        }
    }

    fn wait(&self, waiter: Waiter<Held>, loads_only: bool, scene: Scene) -> Option<Waited<Held>> {
        let wait = async {
            if loads_only {
                waiter.wait_for_load().await
            } else {
                waiter.wait().await
            }
        };
        let impatient = scene.drops && once_in(3);
        block_on(polled(wait, if impatient { dice(3) } else { u32::MAX }))
    }

    fn lead(&self, came: u64, mut lead: Lead<Held>, scene: Scene) {
        self.take(came, &lead);
        if lead.lease.is_none() {
            let read = self.story.get().start(true);
            lead.flight().forget_pushes();
            self.story.get().started(read);
            thread::yield_now();
            if once_in(4) {
                self.story.get().load(read).sure = true;
                self.leave(&lead);
                return lead.found(Outcome::Value(value(read)));
            }
            lead.unconfirmed = Some(Held::new(&self.leases));
            if self.drops(scene) {
                self.leave(&lead);
                return;
            }
            lead.lease = lead.unconfirmed.take();
        }
        let load = self.story.get().start(false);
        lead.begin();
        self.story.get().started(load);
        if self.drops(scene) {
            return self.leave(&lead);
        }
        let outcome = if once_in(8) {
            Outcome::Unshared
        } else {
            Outcome::Value(value(load))
        };
        let hold = lead.lease.take().expect("planted or handed over");
        if once_in(2) {
            lead.loaded(outcome.clone());
            if self.drops(scene) {
                hold.give_up();
                return self.leave(&lead);
            }
        }
        // The verdict, as in an outage or as the store would find it: nobody removed the key since the load began.
        let sure = if once_in(2) {
            !lead.flight().is_retired()
        } else {
            let mut story = self.story.get();
            let began = story.load(load).began.from;
            story.removal.is_none_or(|removal| removal.from < began)
        };
        hold.end();
        self.story.get().load(load).sure = sure;
        self.leave(&lead);
        lead.settle(outcome, sure);
    }

    fn drops(&self, scene: Scene) -> bool {
        scene.drops && once_in(4)
    }

    fn remove(&self) {
        let from = self.tick();
        {
            let mut story = self.story.get();
            story.removal = Some(Span { from, to: u64::MAX });
            story.led.iter_mut().for_each(|(_, stands)| *stands = false);
        }
        let pattern = if once_in(4) {
            Pattern::all()
        } else {
            Pattern::key(&CacheKey::new("k"))
        };
        let flights = self.flights.as_ref().expect("set at the start");
        flights.retire(&pattern, None);
        let to = self.tick();
        self.story.get().removal = Some(Span { from, to });
        self.read(Scene::default());
    }

    fn push(&self) {
        let from = self.tick();
        let flights = self.flights.as_ref().expect("set at the start");
        flights.pushed("k");
        let to = self.tick();
        self.story.get().push = Some(Span { from, to });
        self.read(Scene::default());
    }
}

fn shared(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Value(kept) => version_of(kept),
        _ => unreachable!("only values are shared here"),
    }
}

/// Polls the work this many times, then drops it.
async fn polled<T>(work: impl Future<Output = T>, mut times: u32) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        if times == u32::MAX {
            return work.as_mut().poll(context).map(Some);
        }
        if times == 0 {
            return Poll::Ready(None);
        }
        times -= 1;
        context.waker().wake_by_ref();
        work.as_mut().poll(context).map(Some)
    })
    .await
}

fn play(scene: Scene) {
    let flights = Flights::new(8, Duration::ZERO);
    let world = Arc::new(World {
        flights: Some(flights.clone()),
        ..World::default()
    });
    let mut actors = Vec::new();
    let mut act = |part: fn(&World, Scene)| {
        let world = world.clone();
        actors.push(thread::spawn(move || part(&world, scene)));
    };
    for _ in 0..scene.readers {
        act(|world, scene| world.read(scene));
    }
    if scene.removal {
        act(|world, _| world.remove());
    }
    if scene.push {
        act(|world, _| world.push());
    }
    for actor in actors {
        actor.join().expect("nobody panics");
    }
    assert_eq!(flights.counts(), (0, 0), "flights are left behind");
    assert_eq!(*world.leases.get(), 0, "leases are left behind");
}

const READERS: Scene = Scene {
    readers: 3,
    drops: false,
    removal: false,
    push: false,
};

#[test]
fn one_leads_and_all_come_to_an_end() {
    explore(3000, || play(READERS));
}

#[test]
fn who_is_dropped_hands_over_or_gives_up() {
    explore(6000, || {
        play(Scene {
            drops: true,
            ..READERS
        });
    });
}

#[test]
fn after_a_removal_nobody_shares_what_began_before_it() {
    explore(4000, || {
        play(Scene {
            removal: true,
            ..READERS
        });
    });
}

#[test]
fn after_a_push_nobody_shares_what_was_read_before_it() {
    explore(3000, || {
        play(Scene {
            push: true,
            ..READERS
        });
    });
}

#[test]
fn all_at_once() {
    explore(4000, || {
        play(Scene {
            drops: true,
            removal: true,
            push: true,
            ..READERS
        });
    });
}

#[test]
#[should_panic(expected = "shared a load from before a removal that had returned")]
fn without_retirement_a_removed_load_is_shared() {
    turn_off(Safeguard::Retire);
    explore(4000, || {
        play(Scene {
            removal: true,
            ..READERS
        });
    });
}

#[test]
#[should_panic(expected = "shared")]
fn without_the_verdict_an_unsure_load_is_shared() {
    turn_off(Safeguard::Verdict);
    explore(4000, || {
        play(Scene {
            removal: true,
            ..READERS
        });
    });
}
