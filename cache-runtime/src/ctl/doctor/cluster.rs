//! A Redis Cluster: its nodes, and then everything on each master that is tried on a single server.

use futures_util::future::join_all;

use crate::ctl::cluster::{Cluster, Kind};
use crate::ctl::doctor::gathered::gather;
use crate::ctl::doctor::nodes::{self, Asked};
use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::doctor::{
    clock, connect, latency, memory, names, permissions, pushes, server, settings,
};
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::redis::{Bucket, Console, Master, Target};

/// The cluster that the URL names.
pub(super) async fn check(place: &Place, report: &mut Report) {
    if !seeds(place, &place.target, report).await {
        report.unconnected();
        return;
    }
    let found = Cluster::find(place, &place.target).await;
    found_or_not(place, found, report).await;
}

/// The cluster that the server of the URL is a node of.
pub(super) async fn check_behind(place: &Place, report: &mut Report) {
    report.add(Check::ok(
        "topology",
        "this server is a node of a Redis Cluster, and leads to the others; two or three nodes in the URL would also do if this one is lost",
    ));
    let found = Cluster::behind(place).await;
    found_or_not(place, found, report).await;
}

async fn found_or_not(place: &Place, found: Result<Cluster, Failure>, report: &mut Report) {
    match found {
        Ok(cluster) => examine(place, cluster, report).await,
        Err(failure) => report.add(Check::failed("cluster", failure)),
    }
}

/// Whether the nodes that the URL names answer. False: none of them does.
async fn seeds(place: &Place, target: &Target, report: &mut Report) -> bool {
    let seeds = target.seeds();
    let asking = seeds
        .iter()
        .map(async |seed| (seed, Console::open(seed, place.limit()).await));
    let mut failures = Vec::new();
    for (seed, opened) in join_all(asking).await {
        if let Err(fault) = opened {
            failures.push(explain::no_connection(seed, &fault));
        }
    }
    let answer = seeds.len() - failures.len();
    let text = format!("{answer} of {} nodes in the URL answer", seeds.len());
    let is_reached = answer > 0;
    for failure in failures {
        let mut check = Check::failed("connect", failure);
        if is_reached {
            check.status = crate::ctl::doctor::report::Status::Warning;
        }
        report.add(check);
    }
    if is_reached {
        report.add(Check::ok("connect", text));
    }
    is_reached
}

async fn examine(place: &Place, cluster: Cluster, report: &mut Report) {
    let map = cluster.map.clone();
    let asking = map.masters.iter().map(async |master| {
        let console = Console::open(&master.target, place.limit()).await;
        let mut found = Report::new(place);
        if let Ok(console) = &console {
            server::check(console, &mut found).await;
        }
        let version = found.server.version.clone();
        (
            found,
            Asked {
                master,
                console,
                version,
            },
        )
    });
    let (mut reports, asked): (Vec<Report>, Vec<Asked<'_>>) =
        join_all(asking).await.into_iter().unzip();
    if asked.iter().all(|one| one.console.is_err()) {
        for one in &asked {
            if let Err(fault) = &one.console {
                report.add(
                    Check::failed("node", explain::no_connection(&one.master.target, fault))
                        .at(&one.master.name),
                );
            }
        }
        report.unconnected();
        return;
    }
    report.server = reports
        .iter()
        .find(|found| found.server.version.is_some())
        .map(|found| found.server.clone())
        .unwrap_or_default();
    nodes::check(place, &map, &asked, report).await;
    let trying = asked
        .iter()
        .zip(&mut reports)
        .map(async |(one, found)| match &one.console {
            Ok(console) => of_master(place, &cluster.target, one.master, console, found).await,
            Err(_) => false,
        });
    let usable = join_all(trying).await;
    let measured: Vec<(&Master, Bucket)> = (asked.iter().zip(&usable))
        .filter(|(_, usable)| **usable)
        .filter_map(|(one, _)| Some((one.master, *one.master.buckets.first()?)))
        .collect();
    let reached = asked
        .iter()
        .zip(reports)
        .filter(|(one, _)| one.console.is_ok());
    let found = reached
        .map(|(one, found)| (one.master.name.clone(), found))
        .collect();
    gather(found, report);
    if measured.is_empty() {
        report.add(Check::skipped(
            "latency",
            "not measured without the commands that are refused",
        ));
        return;
    }
    latency::check_masters(place, &Kind::Cluster(Box::new(cluster)), &measured, report).await;
}

/// Tries everything on one master, at the names of one of its buckets. False: the cache cannot use it.
async fn of_master(
    place: &Place,
    cluster: &Target,
    master: &Master,
    console: &Console,
    report: &mut Report,
) -> bool {
    let at = |prefix: String| Place {
        config: place.config.clone(),
        target: master.target.clone(),
        prefix,
    };
    settings::check(console, report).await;
    let Some(bucket) = master.buckets.first() else {
        return false;
    };
    let place = at(bucket.prefix(&place.prefix));
    connect::greeted(&place, console, report).await;
    let usable = permissions::check(&place, console, report).await;
    let tags = master.buckets.iter().map(|bucket| bucket.prefix(""));
    let namespace = place
        .prefix
        .strip_prefix(&bucket.prefix(""))
        .unwrap_or_default();
    let prefixes: Vec<String> = tags.map(|tag| format!("{tag}{namespace}")).collect();
    names::check(&place, console, &prefixes, report).await;
    pushes::check(&place, console, report).await;
    memory::check(console, report).await;
    clock::check(console, report).await;
    connect::test(&place, &cluster.of_bucket(*bucket), report).await;
    usable
}
