//! The stampede: 200 callers of one cold key, whose body takes 50 ms. How often does it run?

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::peers::{At, Handle, Kind, cached_memory, cached_redis, moka, multi_tier, ours};
use crate::row::Row;
use crate::server::Server;
use crate::table::{NOT_OFFERED, Table};

const CALLERS: u32 = 200;
const BODY: Duration = Duration::from_millis(50);

const KINDS: [Kind; 7] = [
    ours::REDIS,
    ours::MEMORY,
    moka::MOKA,
    cached_memory::BY_KEY,
    cached_memory::WHOLE,
    cached_redis::DEFAULT,
    multi_tier::MULTI_TIER,
];

/// True if ours loaded as often as it promises.
pub async fn run() -> bool {
    let mut table = Table::new(KINDS.map(|kind| kind.name).to_vec());
    let mut rows = vec![Vec::new(); 4];
    let mut kept = true;
    for kind in KINDS {
        let server = Server::start();
        let mut handles: Vec<Handle> = Vec::new();
        for _ in 0..2 {
            let handle = (kind.connect)(server.url()).await.expect("a cache");
            let at = At { group: 9, id: 0 };
            handle.read(at, Row::open(0)).await.expect("a value");
            handles.push(handle);
        }
        let runs = [
            Some(herd(&handles[..1], 1, false, false).await),
            match kind.shared {
                true => Some(herd(&handles, 2, false, false).await),
                false => None,
            },
            Some(herd(&handles[..1], 3, true, false).await),
            Some(herd(&handles[..1], 4, false, true).await),
        ];
        if kind.name.starts_with("ours") {
            let promised = [1, 1, 1, 2];
            kept &= runs
                .iter()
                .zip(promised)
                .all(|(run, promised)| run.as_ref().is_none_or(|(bodies, _)| *bodies == promised));
        }
        for (row, run) in rows.iter_mut().zip(runs) {
            row.push(run.map_or(NOT_OFFERED.into(), |(bodies, took)| {
                format!("{bodies} ({:.2} s)", took.as_secs_f64())
            }));
        }
    }
    let names = [
        "cold",
        "cold, 2 processes",
        "body fails",
        "leader cancelled",
    ];
    for (name, cells) in names.into_iter().zip(rows) {
        table.row(name, cells);
    }
    table.print(&format!(
        "The stampede ({CALLERS} callers a process, one key, a body of {} ms): body runs (time until all had an answer)",
        BODY.as_millis()
    ));
    kept
}

async fn herd(handles: &[Handle], id: u32, fails: bool, cancelled: bool) -> (u32, Duration) {
    let row = match cancelled {
        true => Row::slow_and_gated(1, BODY),
        false => Row::slow(1, BODY, fails),
    };
    let at = At { group: 9, id };
    let asked = Arc::new(AtomicU32::new(0));
    let read = |handle: &Handle| {
        let (handle, row, asked) = (handle.clone(), row.clone(), asked.clone());
        async move {
            asked.fetch_add(1, SeqCst);
            handle.read(at, row).await
        }
    };
    let started = Instant::now();
    let mut leader = None;
    if cancelled {
        leader = Some(tokio::spawn(read(&handles[0])));
        row.is_being_read().await;
    }
    let mut callers = JoinSet::new();
    for handle in handles {
        for _ in u32::from(cancelled)..CALLERS {
            callers.spawn(read(handle));
        }
    }
    if let Some(leader) = leader {
        while asked.load(SeqCst) < CALLERS {
            tokio::task::yield_now().await;
        }
        // All have asked; a moment more, until all wait.
        tokio::time::sleep(BODY).await;
        leader.abort();
        let _ = leader.await;
        row.let_go();
    }
    callers.join_all().await;
    (row.bodies(), started.elapsed())
}
