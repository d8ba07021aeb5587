//! `cachectl doctor`: tries one thing after the other, and says of each failure what caused it and what to do.
//!
//! It writes only keys of its own: some in the namespace, to try permissions, and some in a namespace inside it, to
//! measure. It deletes them all.
//!
//! In a Redis Cluster the same is tried on every master (`cluster`), at the names of one of its buckets; `gathered` says
//! once what is the same on all of them.

mod clock;
mod cluster;
mod commands;
mod connect;
mod gathered;
mod latency;
mod memory;
mod names;
mod nodes;
mod permissions;
mod pushes;
mod report;
mod sentinels;
mod server;
mod settings;
mod topology;

use self::report::{Check, Report};
use crate::ctl::failure::Failure;
use crate::ctl::out::Out;
use crate::ctl::place::Place;
use crate::redis::Console;

pub(super) async fn run(place: &Place, out: &Out) -> Result<u8, Failure> {
    let mut report = Report::new(place);
    if place.target.is_cluster() {
        cluster::check(place, &mut report).await;
    } else {
        match connect::check(place, &mut report).await {
            Some(console) if console.is_of_a_cluster().await.unwrap_or(false) => {
                cluster::check_behind(place, &mut report).await;
            }
            Some(console) => examine(place, &console, &mut report).await,
            None => report.unconnected(),
        }
    }
    report.print(out);
    Ok(report.code())
}

async fn examine(place: &Place, console: &Console, report: &mut Report) {
    let info = server::check(console, report).await;
    if !topology::check(place, console, &info, report).await {
        for what in ["permissions", "pushes", "memory", "latency", "test"] {
            report.add(Check::skipped(
                what,
                "not tried on a server that the cache cannot use",
            ));
        }
        return;
    }
    let usable = permissions::check(place, console, report).await;
    names::check(place, console, std::slice::from_ref(&place.prefix), report).await;
    pushes::check(place, console, report).await;
    memory::check(console, report).await;
    clock::check(console, report).await;
    if usable {
        latency::check(place, report).await;
    } else {
        report.add(Check::skipped(
            "latency",
            "not measured without the commands that are refused",
        ));
    }
    connect::test(place, &place.target, report).await;
}
