//! Whether the server really pushes: a key that changes, and a message of the ledger's channel.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout};

use crate::common::random;
use crate::ctl::doctor::permissions::channel;
use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::place::Place;
use crate::ctl::units::millis;
use crate::redis::{Console, Fault, Lack, Told};

/// How long a push may take.
const PATIENCE: Duration = Duration::from_secs(2);

const LOST: &str = Lack::Tracking.lost();

pub(super) async fn check(place: &Place, console: &Console, report: &mut Report) {
    if !console.resp3 {
        report.add(Check::skipped("tracking", "needs RESP3"));
        report.add(Check::skipped("pubsub", "needs RESP3"));
        return;
    }
    let opened = Console::open_listening(&place.target, place.limit()).await;
    let (listener, mut pushes) = match opened {
        Ok(opened) => opened,
        Err(fault) => {
            report.add(failed("tracking", &fault));
            return;
        }
    };
    let key = format!("{}%doctor:{:016x}", place.prefix, random::number());
    let changed = tracking(console, &listener, &mut pushes, &key).await;
    let _ = console.ask::<u64>(&["UNLINK", &key]).await;
    report.add(told("tracking", "a change of a key", changed));
    let heard = message(console, &listener, &mut pushes, &channel(place)).await;
    report.add(told("pubsub", "a message of the ledger's channel", heard));
}

async fn tracking(
    console: &Console,
    listener: &Console,
    pushes: &mut UnboundedReceiver<Told>,
    key: &str,
) -> Result<Option<Duration>, Fault> {
    listener
        .ask::<String>(&["CLIENT", "TRACKING", "ON"])
        .await?;
    listener.ask::<Option<Vec<u8>>>(&["GET", key]).await?;
    let began = Instant::now();
    console.ask::<()>(&["SET", key, "x", "PX", "10000"]).await?;
    let wanted = Told::Changed(key.as_bytes().to_vec());
    Ok(arrives(pushes, &wanted).await.then(|| began.elapsed()))
}

async fn message(
    console: &Console,
    listener: &Console,
    pushes: &mut UnboundedReceiver<Told>,
    channel: &str,
) -> Result<Option<Duration>, Fault> {
    // No message of a ledger: caches that hear it pass over it.
    let text = format!("cachectl {:016x}", random::number());
    listener.subscribe(channel).await?;
    let began = Instant::now();
    console.ask::<u64>(&["PUBLISH", channel, &text]).await?;
    let wanted = Told::Message(text.into_bytes());
    Ok(arrives(pushes, &wanted).await.then(|| began.elapsed()))
}

async fn arrives(pushes: &mut UnboundedReceiver<Told>, wanted: &Told) -> bool {
    let waiting = async {
        while let Some(push) = pushes.recv().await {
            if push == *wanted {
                return true;
            }
        }
        false
    };
    timeout(PATIENCE, waiting).await.unwrap_or(false)
}

fn told(id: &'static str, what: &str, outcome: Result<Option<Duration>, Fault>) -> Check {
    match outcome {
        Ok(Some(took)) => Check::ok(id, format!("{what} arrives {:.2} ms after it was sent", millis(took))),
        Ok(None) => Check::problem(id, format!("{what} does not arrive: {LOST}"))
            .because("something between here and the server swallows pushes, or the server is overloaded")
            .remedy("connect to the server itself instead of a proxy"),
        Err(fault) => failed(id, &fault),
    }
}

fn failed(id: &'static str, fault: &Fault) -> Check {
    Check::problem(id, format!("refused: {LOST}"))
        .because(fault.to_string())
        .remedy("see `permissions`, which lists what the user needs")
}
