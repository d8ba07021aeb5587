//! A process of the fleet: tasks that read and remove, told by lines on its input when to.

mod fill;
mod load;
mod senses;

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{io, process, thread};

use cache_runtime::sabotage::{Safeguard, turn_off};
use cache_runtime::{Cache, CacheConfig};
use tokio::runtime::{self, Runtime};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, mpsc};

use self::load::Gate;
use self::senses::{LOOK, Pulse, feel_lag, is_connected, look_after};
use crate::body::{WORLD, World, world};
use crate::checker::{HEARD_WITHIN, OUTAGE_MAX_AGE};
use crate::clock;
use crate::database::Rows;
use crate::history::{Cause, Event, ProcessId};
use crate::names::{NAMES, Tenant};
use crate::plan::Plan;
use crate::random::Random;
use crate::telling::Teller;

/// What a process is told at its start.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) process: ProcessId,
    /// Its place in the fleet; the process that takes over from a killed one has the same.
    pub(crate) place: usize,
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) without: Vec<Safeguard>,
    pub(crate) redis: String,
    pub(crate) database: SocketAddr,
    pub(crate) parent: SocketAddr,
    /// Where its removals survive its crash.
    pub(crate) journal: Option<PathBuf>,
}

/// What a line on its input says.
#[derive(Clone, Copy, Debug)]
enum Command {
    Go,
    /// Begin nothing new; done when nothing is under way.
    Pause(u64),
    /// Done when Redis is read and no removal waits. Asked for after the pause, so that the answer cannot be from before its
    /// last removal.
    Connect(u64),
    /// Read everything once.
    Sweep(u64),
    /// Put every row into Redis.
    Fill(u64),
    /// Keep every thread for so many milliseconds.
    Starve(u64),
    /// Go on with another runtime.
    EndRuntime,
}

type Commands = mpsc::UnboundedReceiver<Command>;

/// One runtime of a process, until it ends.
struct Life<'a> {
    orders: &'a Orders,
    cache: &'static Cache,
    random: &'a Random,
    gate: Gate,
    /// While acts are paused.
    closed: Option<OwnedRwLockWriteGuard<()>>,
}

/// Runs until its input ends.
pub(crate) fn run(orders: Orders) -> io::Result<()> {
    orders.without.iter().copied().for_each(turn_off);
    NAMES.set(orders.plan.names).expect("one start");
    let teller = Teller::to(orders.parent, orders.process)?;
    let random = Random::new(orders.seed);
    let world = World {
        process: orders.process,
        tenant: Tenant::at(orders.place, orders.plan.tenants),
        rows: Rows::new(orders.database),
        random: random.fork(),
        bodies: orders.plan.bodies,
        teller: teller.clone(),
    };
    WORLD.set(world).expect("one start");
    report_panics(teller.clone());
    let mut commands = listen();
    let mut runtime = orders.runtime()?;
    let cache = {
        let _entered = runtime.enter();
        cache_runtime::init(orders.config()).expect("settings that can be right")
    };
    let pulse = Pulse::default();
    thread::spawn({
        let (pulse, teller) = (pulse.clone(), teller.clone());
        move || look_after(cache, &pulse, &teller)
    });
    let mut going = false;
    loop {
        runtime.spawn(pulse.clone().beat());
        runtime.spawn(feel_lag(
            orders.redis.clone(),
            orders.plan.round_trip,
            teller.clone(),
        ));
        runtime.block_on(async {
            let mut life = Life::begin(&orders, cache, &random, going).await;
            life.obey(&mut commands).await;
        });
        // Its other threads may hear something until it is dropped, or may not.
        let ended = clock::now();
        drop(runtime);
        // Nobody drives what the cache has begun on it. Memory may be believed for so long; then the next runtime must drive it.
        let dropped = clock::now();
        teller.tell(Event::Lagged(ended, dropped));
        teller.tell(Event::Undriven(
            Cause::Ended,
            dropped,
            dropped + HEARD_WITHIN,
        ));
        self::world().rows.forget_connections();
        runtime = orders.runtime()?;
        going = true;
    }
}

impl Orders {
    /// How many threads its runtime has.
    fn threads(&self) -> usize {
        if self.plan.is_one_thread(self.place) {
            1
        } else {
            2
        }
    }

    fn runtime(&self) -> io::Result<Runtime> {
        let mut builder = match self.threads() {
            1 => runtime::Builder::new_current_thread(),
            _ => runtime::Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build()
    }

    fn config(&self) -> CacheConfig {
        let tenant = Tenant::at(self.place, self.plan.tenants);
        let config = CacheConfig::default()
            .redis_url(&self.redis)
            .namespace(self.plan.names.namespace(tenant, self.plan.tenants))
            .outage_max_age(OUTAGE_MAX_AGE)
            .budget(self.plan.budget);
        match &self.journal {
            Some(directory) => config.journal(directory),
            None => config,
        }
    }
}

impl<'a> Life<'a> {
    async fn begin(
        orders: &'a Orders,
        cache: &'static Cache,
        random: &'a Random,
        going: bool,
    ) -> Self {
        let gate = Gate::new(RwLock::new(()));
        let closed = gate.clone().write_owned().await;
        load::begin(orders, cache, random, &gate);
        Self {
            orders,
            cache,
            random,
            gate,
            closed: (!going).then_some(closed),
        }
    }

    /// Until its runtime is to end.
    async fn obey(&mut self, commands: &mut Commands) {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Go => self.closed = None,
                Command::Pause(number) => {
                    if self.closed.is_none() {
                        self.closed = Some(self.gate.clone().write_owned().await);
                    }
                    done(number);
                }
                Command::Connect(number) => {
                    while !is_connected(self.cache) {
                        // After the end of a runtime, a part of a cluster is connected again when somebody asks for it.
                        self.cache.health().await;
                        tokio::time::sleep(LOOK).await;
                    }
                    done(number);
                }
                Command::Sweep(number) => {
                    fill::sweep(&self.orders.plan).await;
                    done(number);
                }
                Command::Fill(number) => {
                    fill::fill(self.orders, self.cache).await;
                    done(number);
                }
                Command::Starve(millis) => {
                    let length = Duration::from_millis(millis);
                    load::starve(self.orders, self.random, &self.gate, length);
                }
                Command::EndRuntime => return,
            }
        }
    }
}

fn done(number: u64) {
    world().teller.tell(Event::Done(number));
}

/// What the parent says.
fn listen() -> Commands {
    let (sender, commands) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if let Some(command) = Command::parse(&line) {
                let _ = sender.send(command);
            }
        }
        // The parent is gone, or wants this process to be.
        process::exit(0);
    });
    commands
}

/// A panic ends its task only; the parent must hear of it.
fn report_panics(teller: Teller) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        teller.tell(Event::Panicked(panic.to_string()));
        print(panic);
    }));
}

impl Command {
    fn parse(line: &str) -> Option<Self> {
        let (verb, number) = line.split_once(' ').unwrap_or((line, "0"));
        let number = number.parse().ok()?;
        match verb {
            "go" => Some(Self::Go),
            "pause" => Some(Self::Pause(number)),
            "connect" => Some(Self::Connect(number)),
            "sweep" => Some(Self::Sweep(number)),
            "fill" => Some(Self::Fill(number)),
            "starve" => Some(Self::Starve(number)),
            "end-runtime" => Some(Self::EndRuntime),
            _ => None,
        }
    }
}
