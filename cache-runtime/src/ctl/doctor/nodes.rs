//! The nodes of a cluster: whether all slots are served, whether the nodes agree, and how the keys are spread.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::ctl::doctor::report::{self, Check, Report};
use crate::ctl::explain::{self, field};
use crate::ctl::failure::Failure;
use crate::ctl::out::visible;
use crate::ctl::place::Place;
use crate::ctl::units;
use crate::redis::{BUCKETS, Bucket, ClusterMap, Console, Fault, Master};

/// How many slots a cluster has.
const SLOTS: u64 = 16_384;

/// A master, its connection or why there is none, and its version.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) master: &'a Master,
    pub(super) console: Result<Console, Fault>,
    pub(super) version: Option<String>,
}

pub(super) async fn check(
    place: &Place,
    map: &ClusterMap,
    asked: &[Asked<'_>],
    report: &mut Report,
) {
    let state = state(asked, report).await;
    slots(map, state.as_deref(), report);
    for one in asked {
        report.add(of_master(one));
    }
    replicas(place, map, report).await;
    given_up(map, report);
    balance(map, report);
    agreement(map, asked, report).await;
    versions(asked, report);
    report.cluster = Some(report::Cluster {
        state,
        slots_served: map.slots(),
        masters: asked.iter().map(row).collect(),
    });
}

fn row(asked: &Asked<'_>) -> report::Node {
    let master = asked.master;
    report::Node {
        node: master.name.clone(),
        answers: asked.console.is_ok(),
        version: asked.version.clone(),
        slots: master.slots,
        buckets: master.buckets.len(),
        replicas: master
            .replicas
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

/// What the nodes call the state of the cluster: `fail` if one of them does.
async fn state(asked: &[Asked<'_>], report: &mut Report) -> Option<String> {
    let mut state = None;
    for one in asked {
        let Ok(console) = &one.console else { continue };
        let Ok(info) = console.ask::<String>(&["CLUSTER", "INFO"]).await else {
            continue;
        };
        match field(&info, "cluster_state") {
            Some("ok") => {
                state.get_or_insert("ok".to_owned());
            }
            Some(other) => {
                let other = visible(other);
                report.add(
                    Check::problem("cluster", format!("cluster_state is `{other}`"))
                        .because("slots have no master and the cluster requires full coverage, or this node is cut off from most masters")
                        .remedy("look for nodes that do not answer below; `redis-cli --cluster check HOST:PORT` shows what is missing")
                        .at(&one.master.name),
                );
                state = Some(other);
            }
            None => {}
        }
    }
    state
}

fn slots(map: &ClusterMap, state: Option<&str>, report: &mut Report) {
    let replicas: usize = map.masters.iter().map(|master| master.replicas.len()).sum();
    let text = format!(
        "{}, {}, {} of {} slots assigned, cluster_state {}",
        plural(map.masters.len(), "master"),
        plural(replicas, "replica"),
        units::number(map.slots()),
        units::number(SLOTS),
        state.unwrap_or("unknown"),
    );
    if map.slots() == SLOTS {
        report.add(Check::ok("cluster", text));
        return;
    }
    let unserved = Bucket::all().filter(|bucket| map.master_of(*bucket).is_none());
    report.add(
        Check::problem("cluster", text)
            .because(format!(
                "slots without a master: {} of {BUCKETS} buckets of keys go without Redis, and removals wait",
                unserved.count()
            ))
            .remedy("`redis-cli --cluster fix HOST:PORT` assigns them"),
    );
}

fn of_master(asked: &Asked<'_>) -> Check {
    let master = asked.master;
    let text = format!(
        "master of {} slots with {} of {BUCKETS} buckets of keys, {}",
        units::number(master.slots),
        master.buckets.len(),
        plural(master.replicas.len(), "replica"),
    );
    let check = match &asked.console {
        Ok(_) => Check::ok("node", text),
        Err(fault) => {
            let Failure {
                what,
                cause,
                remedy,
                ..
            } = explain::no_connection(&master.target, fault);
            let why = what
                .strip_prefix(&format!("{}: ", master.target))
                .unwrap_or(&what)
                .to_owned();
            Check {
                cause,
                remedy,
                ..Check::problem("node", format!("{text}: {why}"))
            }
        }
    };
    check.at(&master.name)
}

/// Whether the replicas answer and follow.
async fn replicas(place: &Place, map: &ClusterMap, report: &mut Report) {
    let all = map.masters.iter().flat_map(|master| {
        let replicas = master.replicas.iter();
        replicas.map(move |(_, target)| (master, target))
    });
    let asking = all.map(async |(master, target)| {
        let console = Console::open(target, place.limit()).await?;
        let info = console.ask::<String>(&["INFO", "replication"]).await;
        let link = info
            .ok()
            .and_then(|info| field(&info, "master_link_status").map(str::to_owned));
        Ok::<_, Fault>((master, link))
    });
    for (at, answer) in join_all(asking).await.into_iter().enumerate() {
        let name = map
            .masters
            .iter()
            .flat_map(|master| &master.replicas)
            .nth(at);
        let name = name.map_or("", |(name, _)| name);
        match answer {
            Ok((master, Some(link))) if link != "up" => report.add(
                Check::warning("replica", format!("it does not follow its master, {}", master.name))
                    .because(format!("master_link_status is `{}`", visible(&link)))
                    .remedy("read its log; if its master is lost now, it may lack data, which only makes those keys cold")
                    .at(name),
            ),
            Ok(_) => {}
            Err(fault) => report.add(
                Check::warning("replica", format!("it does not answer: {}", visible(&fault.to_string())))
                    .because("if its master is lost now, nobody takes its place")
                    .remedy("start it, or remove it with `CLUSTER FORGET`")
                    .at(name),
            ),
        }
    }
    let alone: Vec<&str> = (map.masters.iter())
        .filter(|master| master.replicas.is_empty())
        .map(|master| master.name.as_str())
        .collect();
    if !alone.is_empty() {
        let which = match alone.len() == map.masters.len() {
            true => "no master has a replica".to_owned(),
            false => format!("without a replica: {}", alone.join(", ")),
        };
        report.add(
            Check::note("replica", which)
                .because("if such a master is lost, its keys go without Redis until it is back, and removals of them wait")
                .remedy("add a replica to each master, if the database cannot carry that load"),
        );
    }
}

/// Nodes that the others have given up, and that therefore do nothing.
fn given_up(map: &ClusterMap, report: &mut Report) {
    let Some(given_up) = &map.given_up else {
        report.add(Check::skipped(
            "given up",
            "the nodes do not tell whom they have given up: CLUSTER NODES is refused",
        ));
        return;
    };
    for (address, was_master) in given_up {
        let what = match was_master {
            true => "a master that the others have given up",
            false => "a replica that the others have given up",
        };
        report.add(
            Check::warning("given up", what)
                .because("it has not answered them for `cluster-node-timeout`")
                .remedy("start it, or remove it with `CLUSTER FORGET` on every node")
                .at(&visible(address)),
        );
    }
}

/// How the buckets of keys are spread over the masters.
fn balance(map: &ClusterMap, report: &mut Report) {
    let counts: Vec<usize> = map
        .masters
        .iter()
        .map(|master| master.buckets.len())
        .collect();
    let (Some(most), Some(least)) = (counts.iter().max(), counts.iter().min()) else {
        return;
    };
    let shown: Vec<String> = counts.iter().map(usize::to_string).collect();
    let text = format!("buckets of keys on each master: {}", shown.join(", "));
    let fair = BUCKETS.div_ceil(counts.len());
    report.add(match (*most > fair + fair.div_ceil(2), *least) {
        (true, _) => Check::warning("balance", text)
            .because("one master has many more slots than the others, so it does more of the work")
            .remedy(
                "`redis-cli --cluster rebalance HOST:PORT` gives all masters equally many slots",
            ),
        (false, 0) if counts.len() <= BUCKETS => Check::note("balance", text).because(
            "a master with few slots may hold no bucket, and then does no work for the cache",
        ),
        _ => Check::ok("balance", text),
    });
}

/// Whether all masters name the same owners of the slots.
async fn agreement(map: &ClusterMap, asked: &[Asked<'_>], report: &mut Report) {
    let reached = asked
        .iter()
        .filter_map(|one| Some((one.master, one.console.as_ref().ok()?)));
    let asking = reached
        .map(async |(master, console)| (master, ClusterMap::of(console, &master.target).await));
    let mut agree = 0;
    for (master, own) in join_all(asking).await {
        match own {
            Ok(own) if own.agrees(map) => agree += 1,
            Ok(_) => report.add(
                Check::warning("agreement", "it names other owners of slots than the other nodes")
                    .because("slots are being moved, a failover is under way, or it is cut off from the others")
                    .remedy("try again in a minute; `redis-cli --cluster check HOST:PORT` compares all nodes")
                    .at(&master.name),
            ),
            Err(fault) => {
                let what = "it does not say which node serves which keys";
                let failure = explain::refused(&master.target, what, &fault);
                report.add(Check::failed("agreement", failure).at(&master.name));
            }
        }
    }
    if agree > 0 {
        report.add(Check::ok(
            "agreement",
            format!(
                "{} name the same owners of all slots",
                plural(agree, "master")
            ),
        ));
    }
}

fn versions(asked: &[Asked<'_>], report: &mut Report) {
    let versions: BTreeSet<&str> = asked
        .iter()
        .filter_map(|one| one.version.as_deref())
        .collect();
    if versions.len() > 1 {
        let of_each: Vec<String> = (asked.iter())
            .filter_map(|one| Some(format!("{} {}", one.master.name, one.version.as_ref()?)))
            .collect();
        report.add(
            Check::warning(
                "versions",
                format!(
                    "the masters have different versions: {}",
                    visible(&of_each.join(", "))
                ),
            )
            .because("an update is under way, or was not finished")
            .remedy("update all nodes to the same version"),
        );
    }
}

fn plural(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}
