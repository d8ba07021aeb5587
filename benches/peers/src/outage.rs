//! The outage: cold keys, one after the other, while Redis is killed, frozen, or not there yet. And what an invalidation
//! that was made meanwhile is worth when Redis comes back with its old snapshot.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use crate::peers::{At, Handle, Kind, Removal, cached_redis, multi_tier, ours};
use crate::row::Row;
use crate::server::{Server, Watch};
use crate::table::Table;

const CALLS: u32 = 20;

/// A call that takes longer is given up, and after three of them the scenario is.
const CAP: Duration = Duration::from_secs(8);
const CAPPED: usize = 3;

/// How long a cache may take to ask a returned Redis again before we say that it does not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ours promises 50 ms a call and a second; the rest is what a busy machine adds, as in its own tests.
const PROMISED_CALL: Duration = Duration::from_millis(250);
const PROMISED_RECOVERY: Duration = Duration::from_millis(1500);

const KINDS: [Kind; 4] = [
    ours::REDIS,
    cached_redis::DEFAULT,
    cached_redis::MANAGER,
    multi_tier::MULTI_TIER,
];

#[derive(Clone, Copy)]
enum Outage {
    Killed,
    Frozen,
    Absent,
}

/// What one call came to.
enum Came {
    Value,
    Wrong,
    Error,
    Panic,
    Capped,
}

/// True if ours kept what it promises.
pub async fn run() -> bool {
    let mut table = Table::new(KINDS.map(|kind| kind.name).to_vec());
    let mut kept = true;
    for (name, outage) in [
        ("killed (`kill -9`)", Outage::Killed),
        ("frozen (`SIGSTOP`)", Outage::Frozen),
        ("absent at start", Outage::Absent),
    ] {
        let mut cells = Vec::new();
        for kind in KINDS {
            let (cell, as_promised) = scenario(kind, outage).await;
            kept &= as_promised || kind.name != ours::REDIS.name;
            cells.push(cell);
        }
        table.row(name, cells);
        eprintln!("outage: {name}: done");
    }
    let mut cells = Vec::new();
    for kind in KINDS {
        let (cell, fresh) = snapshot(kind).await;
        kept &= fresh || kind.name != ours::REDIS.name;
        cells.push(cell);
    }
    table.row("removed while killed; back with its snapshot", cells);
    table.print(&format!(
        "The outage ({CALLS} cold keys in turn; a call is given up after {} s)",
        CAP.as_secs()
    ));
    kept
}

async fn scenario(kind: Kind, outage: Outage) -> (String, bool) {
    let mut server = match outage {
        Outage::Absent => Server::absent(),
        Outage::Killed | Outage::Frozen => Server::start(),
    };
    let started = Instant::now();
    let handle = match timeout(CAP, (kind.connect)(server.url())).await {
        Ok(Ok(handle)) => handle,
        Ok(Err(_)) => {
            let took = shown(started.elapsed());
            return (format!("does not start: error after {took}"), false);
        }
        Err(_) => return (format!("does not start within {} s", CAP.as_secs()), false),
    };
    match outage {
        Outage::Killed => {
            warm(&handle).await;
            server.kill();
        }
        Outage::Frozen => {
            warm(&handle).await;
            server.freeze();
        }
        Outage::Absent => {}
    }

    let mut calls = Calls::default();
    for _ in 0..CALLS {
        calls.one(&handle).await;
        if calls.capped() == CAPPED {
            break;
        }
    }

    match outage {
        Outage::Frozen => server.thaw(),
        Outage::Killed | Outage::Absent => server.launch(),
    }
    let recovery = asks_again(&handle, &server.watch()).await;
    let recovered = match recovery {
        Some(took) => format!("Redis again after {}", shown(took)),
        None => format!("**Redis never again** ({} s)", PATIENCE.as_secs()),
    };
    let as_promised = calls.as_promised() && recovery.is_some_and(|took| took <= PROMISED_RECOVERY);
    (format!("{}; {recovered}", calls.shown()), as_promised)
}

/// An invalidation whose Redis is dead, and then comes back as it was before.
async fn snapshot(kind: Kind) -> (String, bool) {
    let mut server = Server::start();
    let Ok(handle) = (kind.connect)(server.url()).await else {
        return ("does not start".into(), false);
    };
    warm(&handle).await;
    let (at, row) = (cold(), Row::open(1));
    for _ in 0..3 {
        let _ = handle.read(at, row.clone()).await;
        // What stores behind the caller's back has stored by then.
        sleep(Duration::from_millis(50)).await;
    }
    server.save();
    server.kill();

    row.change(2);
    let told = match timeout(CAP, handle.remove(Removal::Key, at)).await {
        Ok(Some(Ok(told))) => format!("told `{told}`"),
        Ok(Some(Err(_))) => "told an error".into(),
        Ok(None) => "not offered".into(),
        Err(_) => format!("no answer in {} s", CAP.as_secs()),
    };

    server.launch();
    let again = asks_again(&handle, &server.watch()).await.is_some();
    let here = again.then_some(timeout(CAP, handle.read(at, row.clone())).await);
    // A process that is started now knows nothing but what Redis holds.
    let newcomer = match (kind.connect)(server.url()).await {
        Ok(newcomer) => {
            warm(&newcomer).await;
            timeout(CAP, newcomer.read(at, row.clone())).await
        }
        Err(error) => Ok(Err(error)),
    };
    let shown = |read: &Result<Result<u64, String>, _>| match read {
        Ok(Ok(2)) => "fresh",
        Ok(Ok(_)) => "**STALE**",
        Ok(Err(_)) => "error",
        Err(_) => "given up",
    };
    let here = here.as_ref().map_or("never reads Redis again", shown);
    let newcomer = shown(&newcomer);
    let cell = format!("{told}; then {here}, in a new process {newcomer}");
    (cell, here == "fresh" && newcomer == "fresh")
}

#[derive(Default)]
struct Calls {
    came: Vec<Came>,
    bodies: u32,
    worst: Duration,
    total: Duration,
}

impl Calls {
    async fn one(&mut self, handle: &Handle) {
        let (row, handle, at) = (Row::open(7), handle.clone(), cold());
        let started = Instant::now();
        let mut call = tokio::spawn({
            let row = row.clone();
            async move { handle.read(at, row).await }
        });
        let came = timeout(CAP, &mut call).await;
        let took = started.elapsed();
        call.abort();
        self.came.push(match came {
            Ok(Ok(Ok(7))) => Came::Value,
            Ok(Ok(Ok(_))) => Came::Wrong,
            Ok(Ok(Err(_))) => Came::Error,
            Ok(Err(_)) => Came::Panic,
            Err(_) => Came::Capped,
        });
        self.bodies += row.bodies();
        self.worst = self.worst.max(took);
        self.total += took;
    }

    fn capped(&self) -> usize {
        self.count(|came| matches!(came, Came::Capped))
    }

    fn count(&self, is: impl Fn(&Came) -> bool) -> usize {
        self.came.iter().filter(|came| is(came)).count()
    }

    fn as_promised(&self) -> bool {
        self.count(|came| matches!(came, Came::Value)) == CALLS as usize
            && self.bodies == CALLS
            && self.worst <= PROMISED_CALL
    }

    fn shown(&self) -> String {
        let kinds = [
            (self.count(|came| matches!(came, Came::Value)), "values"),
            (
                self.count(|came| matches!(came, Came::Wrong)),
                "wrong values",
            ),
            (self.count(|came| matches!(came, Came::Error)), "errors"),
            (self.count(|came| matches!(came, Came::Panic)), "panics"),
            (self.capped(), "given up"),
        ];
        let came: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let worst = if self.capped() > 0 {
            format!("> {} s", CAP.as_secs())
        } else {
            shown(self.worst)
        };
        let mean = shown(self.total / self.came.len().max(1) as u32);
        format!(
            "{}, body run {} of {}; worst {worst}, mean {mean}",
            came.join(", "),
            self.bodies,
            self.came.len()
        )
    }
}

/// How long until the server sees a command with the key of a call. Every call has a key of its own, so that no memory
/// answers it.
async fn asks_again(handle: &Handle, watch: &Watch) -> Option<Duration> {
    let returned = Instant::now();
    while returned.elapsed() < PATIENCE {
        let (at, handle) = (cold(), handle.clone());
        let mut call = tokio::spawn(async move { handle.read(at, Row::open(7)).await });
        let _ = timeout(CAP, &mut call).await;
        call.abort();
        sleep(Duration::from_millis(10)).await;
        if watch.saw(&at.key()) {
            return Some(returned.elapsed());
        }
    }
    None
}

/// Until the first entry has been read and stored.
async fn warm(handle: &Handle) {
    for _ in 0..3 {
        let _ = handle.read(cold(), Row::open(7)).await;
    }
}

/// A key that nobody has asked for.
fn cold() -> At {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    At {
        group: 0,
        id: NEXT.fetch_add(1, SeqCst),
    }
}

fn shown(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        format!("{:.1} s", time.as_secs_f64())
    } else if time >= Duration::from_millis(10) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} ms", time.as_secs_f64() * 1000.0)
    }
}
