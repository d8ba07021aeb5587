//! A process of the fleet: tasks that read and remove, told by lines on its input when to.

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{io, process, thread};

use cache_runtime::sabotage::{Safeguard, turn_off};
use cache_runtime::{BreakerState, Cache, CacheConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{RwLock, mpsc};
use tokio::task::JoinSet;

use crate::acts::{self, Actor};
use crate::catalogue::Family;
use crate::checker::OUTAGE_MAX_AGE;
use crate::clock;
use crate::database::Rows;
use crate::functions::{WORLD, World, world};
use crate::history::{Event, ProcessId};
use crate::plan::Plan;
use crate::random::Random;
use crate::telling::Teller;

/// How often it looks whether it is connected, and whether it is running at all.
const LOOK: Duration = Duration::from_millis(5);

/// How often its runtime asks.
const ASK: Duration = Duration::from_millis(10);

/// A look that comes so much later was not the process's own fault.
const LATE: Duration = Duration::from_millis(50);

/// Longer than a push may take.
const PUSHED: Duration = Duration::from_millis(400);

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
enum Command {
    Go,
    /// Begin nothing new; done when nothing is under way.
    Pause(u64),
    /// Read everything once.
    Sweep(u64),
}

/// Runs until its input ends.
pub(crate) fn run(orders: Orders) -> io::Result<()> {
    orders.without.iter().copied().for_each(turn_off);
    let teller = Teller::to(orders.parent, orders.process)?;
    let random = Random::new(orders.seed);
    let world = World {
        process: orders.process,
        rows: Rows::new(orders.database),
        random: random.fork(),
        bodies: orders.plan.bodies,
        teller: teller.clone(),
    };
    WORLD.set(world).expect("one start");
    report_panics(teller.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut config = CacheConfig::default()
        .redis_url(&orders.redis)
        .outage_max_age(OUTAGE_MAX_AGE)
        .budget(orders.plan.budget);
    if let Some(directory) = &orders.journal {
        config = config.journal(directory);
    }
    let cache = {
        let _entered = runtime.enter();
        cache_runtime::init(config).expect("settings that can be right")
    };
    runtime.spawn(feel_lag(orders.redis.clone(), teller.clone()));
    thread::spawn(move || look_after(cache, &teller));
    obey(&runtime, cache, &orders, &random);
    Ok(())
}

/// Whether this process is connected, and whether it stood still. On a thread of its own: a blocked runtime shall be no
/// excuse.
fn look_after(cache: &'static Cache, teller: &Teller) {
    let mut told = None;
    let mut last = clock::now();
    loop {
        thread::sleep(LOOK);
        let now = clock::now();
        if now - last > clock::nanos(LATE) {
            teller.tell(Event::Stood(last, now));
        }
        let connected =
            cache.breaker_state() == Some(BreakerState::Closed) && cache.journal_len() == 0;
        if told != Some(connected) {
            // Lost at some moment since the last look; found again at the latest now that it has been looked at.
            let looked = clock::now();
            teller.tell(Event::Connected(
                if connected { looked } else { last },
                connected,
            ));
            if connected {
                teller.tell(Event::CaughtUp(now, looked));
            }
            told = Some(connected);
        }
        last = now;
    }
}

/// How long this process's runtime takes to hear what Redis says, past the code under test: a push waits as long for its
/// turn as this does, and where threads wait for a processor, nobody broke a promise. An excuse for the delay of a push,
/// and for nothing else.
async fn feel_lag(redis: String, teller: Teller) {
    let address = redis.trim_start_matches("redis://").to_owned();
    loop {
        tokio::time::sleep(ASK).await;
        // Cut, or refused: that is a fault which is known already.
        let Ok(mut connection) = TcpStream::connect(&address).await else {
            continue;
        };
        let mut answer = [0; b"+PONG\r\n".len()];
        loop {
            let from = clock::now();
            let asked = connection.write_all(b"PING\r\n").await;
            let heard = asked.is_ok() && connection.read_exact(&mut answer).await.is_ok();
            let to = clock::now();
            if to - from > clock::nanos(LATE) {
                teller.tell(Event::Lagged(from, to));
            }
            if !heard {
                break;
            }
            let slept = clock::now();
            tokio::time::sleep(ASK).await;
            if clock::now() - slept > clock::nanos(ASK + LATE) {
                teller.tell(Event::Lagged(slept, clock::now()));
            }
        }
    }
}

fn obey(runtime: &Runtime, cache: &'static Cache, orders: &Orders, random: &Random) {
    let (sender, mut commands) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if let Some(command) = Command::parse(&line) {
                let _ = sender.send(command);
            }
        }
        // The parent is gone, or wants this process to be.
        process::exit(0);
    });
    runtime.block_on(async {
        // Held by every act, and by a pause alone.
        let gate = Arc::new(RwLock::new(()));
        let mut closed = Some(gate.clone().write_owned().await);
        for _ in 0..orders.plan.tasks {
            let actor = Actor {
                cache,
                plan: orders.plan.clone(),
                random: random.fork(),
                writes: orders.place == 0 || !orders.plan.one_writer,
            };
            let gate = gate.clone();
            tokio::spawn(async move {
                loop {
                    let act = gate.read().await;
                    actor.act().await;
                    drop(act);
                    actor.pause().await;
                }
            });
        }
        while let Some(command) = commands.recv().await {
            match command {
                Command::Go => closed = None,
                Command::Pause(number) => {
                    if closed.is_none() {
                        closed = Some(gate.clone().write_owned().await);
                    }
                    world().teller.tell(Event::Done(number));
                }
                Command::Sweep(number) => {
                    sweep(&orders.plan).await;
                    world().teller.tell(Event::Done(number));
                }
            }
        }
    });
}

/// Every entry, all at once; once more, for what memory holds now; and again when every push must have arrived, for loads
/// of the first look may have removed something, too.
async fn sweep(plan: &Plan) {
    for pause in [Duration::ZERO, Duration::ZERO, PUSHED] {
        tokio::time::sleep(pause).await;
        let looks = Family::ALL.map(|family| acts::look(family, plan.rows));
        looks.into_iter().collect::<JoinSet<_>>().join_all().await;
    }
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
            "sweep" => Some(Self::Sweep(number)),
            _ => None,
        }
    }
}
