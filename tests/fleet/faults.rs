//! What goes wrong, and when: three lanes of faults that know nothing of one another, so that they overlap.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use cache_tests::{Fault, FaultProxy, RedisCluster, RedisServer};

use crate::clock;
use crate::history::Cause;
use crate::plan::{Lane, Millis, NetworkFault, Plan, ProcessFault, ServerFault};
use crate::random::Random;
use crate::stage::Stage;

/// Lets things go wrong until the deadline. Every fault has ended when it returns.
pub(crate) fn rage(stage: &Stage, plan: &Plan, seed: u64, deadline: Instant) {
    let random = Random::new(seed);
    let [server, network, process] = [random.fork(), random.fork(), random.fork()];
    thread::scope(|scope| {
        scope.spawn(|| {
            run(&plan.server, &server, deadline, |fault| {
                server_fault(stage, &server, fault);
            });
        });
        scope.spawn(|| {
            run(&plan.network, &network, deadline, |fault| {
                let places = (0..stage.places.len()).filter(|place| plan.troubled.contains(*place));
                let places: Vec<_> = places.map(|place| (place, 1)).collect();
                if let Some(place) = network.weighted(&places) {
                    network_fault(stage, place, &network, fault);
                }
            });
        });
        scope.spawn(|| {
            run(&plan.process, &process, deadline, |fault| {
                process_fault(stage, &process, fault);
            });
        });
    });
}

fn run<F: Copy>(lane: &Lane<F>, random: &Random, deadline: Instant, act: impl Fn(F)) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        thread::sleep(random.millis(lane.gap).min(left));
        if Instant::now() >= deadline {
            return;
        }
        if let Some(fault) = random.weighted(&lane.faults) {
            act(fault);
        }
    }
}

fn server_fault(stage: &Stage, random: &Random, fault: ServerFault) {
    let redis = stage.servers.any_master(random);
    let from = clock::now();
    let name = format!("redis {fault:?}");
    let hold = |times: Millis| thread::sleep(random.millis(times));
    // What may fail here is a question to a server that is busy; then this fault does not happen.
    let ask = |command: &[String]| drop(redis.try_cli(command));
    match fault {
        ServerFault::Save => ask(&words(&["SAVE"])),
        ServerFault::KillToSnapshot => {
            redis.kill9();
            hold((0, 300));
            redis.restart();
        }
        ServerFault::KillToEmpty => {
            redis.kill9();
            // There is none where nothing was saved yet.
            let _ = fs::remove_file(redis.directory().join("dump.rdb"));
            hold((0, 300));
            redis.restart();
        }
        ServerFault::Freeze => {
            redis.freeze();
            hold((50, 700));
            redis.thaw();
        }
        ServerFault::FlushAll => ask(&words(&["FLUSHALL"])),
        ServerFault::KillClients => ask(&words(&["CLIENT", "KILL", "TYPE", "normal"])),
        ServerFault::Squeeze => {
            ask(&words(&[
                "CONFIG",
                "SET",
                "maxmemory-policy",
                "allkeys-lru",
            ]));
            ask(&words(&["CONFIG", "SET", "maxmemory", "1024"]));
            hold((20, 300));
            ask(&words(&["CONFIG", "SET", "maxmemory", "0"]));
        }
        ServerFault::DropLedger => match ledgers(redis) {
            ledgers if ledgers.is_empty() => {}
            ledgers => ask(&[&["DEL".to_owned()][..], &ledgers].concat()),
        },
        ServerFault::FlushScripts => ask(&words(&["SCRIPT", "FLUSH"])),
        ServerFault::FailOver
        | ServerFault::KillMaster
        | ServerFault::FreezeMaster
        | ServerFault::MoveSlot => {
            if let Some(cluster) = stage.servers.cluster() {
                cluster_fault(cluster, redis, random, fault);
            }
        }
    }
    match fault {
        // While it is frozen or dead, nobody hears of anything. The others are no excuse for a stale value.
        ServerFault::Freeze
        | ServerFault::KillToEmpty
        | ServerFault::KillToSnapshot
        | ServerFault::KillMaster
        | ServerFault::FreezeMaster => {
            stage.note(&name, None, from);
        }
        _ => stage.count(&name),
    }
    stage.note_unsettled(from);
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

/// The keys in which a server keeps the removals of its tenants.
fn ledgers(server: &RedisServer) -> Vec<String> {
    let found = server.try_cli(&["KEYS", "*%ledger"]);
    found.map_or_else(|_| Vec::new(), |found| found.strings())
}

/// What happens to a master in a cluster. All nodes agree about who serves what when it returns.
fn cluster_fault(
    cluster: &RedisCluster,
    master: &RedisServer,
    random: &Random,
    fault: ServerFault,
) {
    let slots = ledgers(master);
    let slots: Vec<_> = slots.iter().map(|key| (cluster.slot_of(key), 1)).collect();
    let Some(slot) = random.weighted(&slots) else {
        return;
    };
    match fault {
        ServerFault::FailOver => drop(cluster.fail_over(slot)),
        ServerFault::KillMaster => {
            master.kill9();
            let _ = cluster.await_other_master(slot, master.port());
            cluster.restart(master);
        }
        ServerFault::FreezeMaster => {
            master.freeze();
            let _ = cluster.await_other_master(slot, master.port());
            thread::sleep(random.millis((0, 1_000)));
            master.thaw();
        }
        _ => {
            let others = cluster.masters().into_iter();
            let others = others.filter(|index| cluster.nodes()[*index].port() != master.port());
            let others: Vec<_> = others.map(|index| (index, 1)).collect();
            if let Some(other) = random.weighted(&others) {
                cluster.move_slot(slot, other);
            }
        }
    }
    cluster.await_ok();
}

fn network_fault(stage: &Stage, place: usize, random: &Random, fault: NetworkFault) {
    let place = &stage.places[place];
    let part = place.way.part(random);
    let before = place.process();
    let from = clock::now();
    let hold = |fault: Fault, times: Millis| {
        part.iter().for_each(|proxy| proxy.set(fault));
        thread::sleep(random.millis(times));
        part.iter().for_each(|proxy| proxy.set(Fault::Pass));
    };
    match fault {
        NetworkFault::Cut => part.iter().for_each(FaultProxy::cut_all),
        NetworkFault::Down => {
            part.iter().for_each(FaultProxy::down);
            thread::sleep(random.millis((50, 600)));
            part.iter().for_each(FaultProxy::up);
        }
        NetworkFault::Delay => hold(Fault::Delay(random.millis((3, 30))), (50, 400)),
        NetworkFault::Pulse => hold(Fault::Stall, (10, 40)),
        NetworkFault::Pause => hold(Fault::Stall, (80, 150)),
        NetworkFault::Stall => hold(Fault::Stall, (60, 900)),
        NetworkFault::BlackHole => hold(Fault::BlackHole, (50, 1_500)),
        NetworkFault::HoleToServer => hold(Fault::HoleToServer, (50, 800)),
        NetworkFault::HoleToClient => hold(Fault::HoleToClient, (50, 800)),
        NetworkFault::Trickle => hold(Fault::Throttle(8_000), (200, 800)),
        NetworkFault::Drip => hold(Fault::ThrottleToClient(1_500), (500, 1_500)),
    }
    let name = format!("network {fault:?}");
    stage.note(&name, Some(before), from);
    // Another process may have taken over meanwhile.
    if place.process() != before {
        stage.note(&name, Some(place.process()), from);
    }
}

fn process_fault(stage: &Stage, random: &Random, fault: ProcessFault) {
    let at = random.below(stage.places.len() as u64) as usize;
    let place = &stage.places[at];
    let name = format!("process {fault:?}");
    match fault {
        ProcessFault::Freeze => freeze(stage, at, random.millis((50, 700))),
        ProcessFault::LongFreeze => freeze(stage, at, random.millis((2_000, 4_000))),
        ProcessFault::Starve => {
            let length = random.millis(match random.percent(25) {
                true => (2_500, 3_500),
                false => (100, 1_000),
            });
            place.say(&format!("starve {}", length.as_millis()));
        }
        ProcessFault::EndRuntime => place.say("end-runtime"),
        ProcessFault::Kill => stage.replace(at),
    }
    stage.count(&name);
}

fn freeze(stage: &Stage, at: usize, length: Duration) {
    let place = &stage.places[at];
    let (process, from) = (place.process(), clock::now());
    place.freeze();
    thread::sleep(length);
    place.thaw();
    stage.note_undriven(process, Cause::Frozen, from);
}

/// Long enough for pushes and replays that were under way.
pub(crate) const SETTLING: Duration = Duration::from_millis(400);
