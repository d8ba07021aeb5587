//! `cachectl bench`: how quick the cache is on this server, compared with plain commands of Redis in the same run.
//!
//! Each task does one operation of the cache, then the plain commands that do the same without its promises, and so on in
//! turn: whatever slows the machine or the server down meets both alike.

mod mix;
mod report;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use self::mix::Mix;
use self::report::Report;
use self::work::{Times, Work};
use crate::ctl::args::Bench;
use crate::ctl::cluster::Kind;
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::out::Out;
use crate::ctl::place::Place;
use crate::ctl::plain::Plain;
use crate::ctl::scratch::Scratch;

/// Connections of this program to a server: that of the cache, and one for the plain commands.
const OWN: u64 = 2;

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(100);

pub(super) async fn run(place: &Place, wanted: &Bench, out: &Out) -> Result<u8, Failure> {
    let mix = Mix::parse(&wanted.mix)?;
    let kind = place.kind().await?;
    let plain = Plain::open(place, &kind).await?;
    let scratch = Scratch::begin(place, &kind, "bench").await?;
    out.note(&format!(
        "{}: {} s, {} tasks, {} keys of {} bytes, in the namespace `{}`, which is removed afterwards",
        place.target,
        wanted.seconds,
        wanted.tasks,
        wanted.keys,
        wanted.bytes,
        scratch.prefix.trim_end_matches(':')
    ));
    if let Some(others @ 1..) = others(&plain, &kind).await {
        out.note(&format!(
            "note: other programs are connected to this server ({others} connections) and will wait longer meanwhile"
        ));
    }
    let work = Arc::new(Work::new(&scratch, &plain, wanted, mix));
    let measured = measure(&work, wanted, out).await;
    let keys: Vec<String> = work.names().collect();
    drop(work);
    scratch.end(&plain, keys.into_iter()).await?;
    let (times, took, interrupted) = measured?;
    let report = Report::new(place, wanted, &times, took, interrupted);
    match out.json {
        true => out.json(&report),
        false => out.text(&report.text()),
    }
    Ok(0)
}

/// How many connections the server has, or all masters together, besides those of this program.
async fn others(plain: &Plain, kind: &Kind) -> Option<u64> {
    // The first connection was for finding out what the server is.
    let own = OWN + u64::from(matches!(kind, Kind::Server(_)));
    let mut others = 0;
    for console in &plain.consoles {
        let info = console.ask::<String>(&["INFO", "clients"]).await.ok()?;
        let all: u64 = explain::field(&info, "connected_clients")?.parse().ok()?;
        others += all.saturating_sub(own);
    }
    Some(others)
}

/// Fills the cache, then works until the time is up or Ctrl-C comes.
async fn measure(
    work: &Arc<Work>,
    wanted: &Bench,
    out: &Out,
) -> Result<(Times, Duration, bool), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let interrupt = {
        let stop = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.store(true, Relaxed);
            }
        })
    };
    let bar = bar(wanted, out);
    bar.set_message("filling");
    work.fill(&stop).await?;
    bar.set_message("measuring");
    let began = Instant::now();
    let length = Duration::from_secs(wanted.seconds);
    let tasks: Vec<_> = (0..wanted.tasks)
        .map(|_| {
            let (work, stop) = (work.clone(), stop.clone());
            tokio::spawn(async move { work.until(began + length, &stop).await })
        })
        .collect();
    while began.elapsed() < length
        && !stop.load(Relaxed)
        && !tasks.iter().all(|task| task.is_finished())
    {
        bar.set_position(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        tokio::time::sleep(TICK).await;
    }
    let mut times = Times::default();
    let mut failed = None;
    for task in tasks {
        match task.await {
            Ok(Ok(some)) => times.merge(&some),
            Ok(Err(failure)) => failed = Some(failure),
            Err(why) => {
                failed = Some(Failure::problem(format!(
                    "a task of the measurement failed: {why}"
                )));
            }
        }
    }
    bar.finish_and_clear();
    interrupt.abort();
    match failed {
        Some(failure) => Err(failure),
        None => Ok((times, began.elapsed(), stop.load(Relaxed))),
    }
}

/// A progress bar, on a terminal only.
fn bar(wanted: &Bench, out: &Out) -> ProgressBar {
    let target = match out.json {
        true => ProgressDrawTarget::hidden(),
        // Hidden by itself where standard error is no terminal.
        false => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(wanted.seconds * 1_000), target);
    if let Ok(style) = ProgressStyle::with_template("{msg:>10} [{bar:40}] {percent:>3} %") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
