//! Removals that were made while Redis was stopped, until none of them waits any more.

use std::process::Command;
use std::time::{Duration, Instant};

use cache_runtime::Cache;
use tokio::task::JoinSet;

use crate::bare::{ask, words};
use crate::{ROUNDS, Scene, of};

const REMOVALS: u32 = 10_000;
const TASKS: u32 = 64;

/// At least so long is Redis stopped: its loss has been noticed, and it has been looked for in vain.
const STOPPED: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Deletes,
    Prefixes,
}

pub(crate) fn head() {
    println!();
    println!(
        "{REMOVALS} removals of distinct names, made while Redis was stopped (`SIGSTOP`) for {} s: from `SIGCONT` until none waits, median (worst) of {ROUNDS} rounds. Bare client: a pipeline of as many `UNLINK` that met the same kind of pause on a connection that stayed.",
        STOPPED.as_secs()
    );
    println!();
    println!(
        "| round trip (measured) | removals | none waits | Redis is read again | bare client, answered |"
    );
    println!("|---|---|---|---|---|");
}

pub(crate) async fn row(round_trip: u64, kind: Kind) {
    let (mut emptied, mut read, mut bare, mut measured) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut scene = Scene::new(round_trip, None).await;
        measured.push(scene.round_trip().await);
        let round = ours(&mut scene, kind).await;
        emptied.push(round.0);
        read.push(round.1);
        bare.push(bare_pipeline(&mut scene).await);
    }
    println!(
        "| {round_trip} ms ({}) | {} | {} | {} | {} |",
        of(&mut measured),
        match kind {
            Kind::Deletes => "by key",
            Kind::Prefixes => "by prefix",
        },
        of(&mut emptied),
        of(&mut read),
        of(&mut bare),
    );
}

/// Until the journal is empty; until Redis answers a read.
async fn ours(scene: &mut Scene, kind: Kind) -> (Duration, Duration) {
    let process = process_id(scene).await;
    signal("STOP", &process);
    let stopped = Instant::now();
    remove_all(&scene.cache, kind).await;
    assert_eq!(scene.cache.journal_len(), REMOVALS as usize);
    tokio::time::sleep(STOPPED.saturating_sub(stopped.elapsed())).await;
    signal("CONT", &process);
    let going_on = Instant::now();
    let mut read = None;
    while scene.cache.journal_len() > 0 || read.is_none() {
        assert!(
            going_on.elapsed() < Duration::from_secs(60),
            "still waiting"
        );
        if read.is_none() && scene.cache.health().await.stats.redis_available {
            read = Some(going_on.elapsed());
        }
        if scene.cache.journal_len() == 0 && read.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (going_on.elapsed(), read.unwrap_or_default())
}

async fn remove_all(cache: &Cache, kind: Kind) {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let cache = cache.clone();
        tasks.spawn(async move {
            for id in (task..REMOVALS).step_by(TASKS as usize) {
                let done = match kind {
                    Kind::Deletes => cache.delete(format!("job:{id}").as_str()).await,
                    Kind::Prefixes => {
                        let prefix = format!("jobs:{id}:");
                        cache.invalidate_prefix(prefix.as_str()).await
                    }
                };
                assert!(!done.is_durable(), "{done:?}");
            }
        });
    }
    tasks.join_all().await;
}

async fn bare_pipeline(scene: &mut Scene) -> Duration {
    let process = process_id(scene).await;
    let mut pipeline = redis::pipe();
    for id in 0..REMOVALS {
        pipeline.cmd("UNLINK").arg(format!("bare:{id}")).ignore();
    }
    signal("STOP", &process);
    let mut bare = scene.bare.clone();
    let asking = tokio::spawn(async move {
        let asked = pipeline.query_async::<()>(&mut bare).await;
        asked.unwrap_or_else(|error| panic!("{error}"));
        Instant::now()
    });
    tokio::time::sleep(STOPPED).await;
    signal("CONT", &process);
    let going_on = Instant::now();
    let answered = asking.await.unwrap_or_else(|error| panic!("{error}"));
    answered.saturating_duration_since(going_on)
}

async fn process_id(scene: &mut Scene) -> String {
    let info: String = ask(&mut scene.control, &words("INFO server")).await;
    let mut lines = info.lines();
    let id = lines.find_map(|line| line.strip_prefix("process_id:"));
    id.unwrap_or_default().trim().to_owned()
}

/// To the server that this bench has started.
fn signal(name: &str, process: &str) {
    let sent = Command::new("kill").args(["-s", name, process]).status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "kill -s {name} {process}"
    );
}
