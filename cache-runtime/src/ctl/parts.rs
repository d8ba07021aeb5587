//! The parts of a namespace: all of it on one server; in a Redis Cluster, one for each bucket of keys.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::ctl::cluster::{Cluster, Kind};
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::ctl::unavailable::Unavailable;
use crate::redis::{Bucket, ClusterMap, Console, Fault, Master, Survey, Target};

/// While a slot moves to another master, its keys are asked for again after this time.
const AGAIN: Duration = Duration::from_millis(100);

/// For how long.
const MOVING: Duration = Duration::from_secs(20);

/// The parts that could be read, and the masters that could not.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) all: Vec<Part>,
    pub(super) away: Vec<Unavailable>,
    /// All masters with their connections; empty on a single server.
    pub(super) masters: Vec<(Master, Option<Console>)>,
}

/// One part.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) survey: Survey,
    pub(super) home: Option<Home>,
}

/// Where a bucket of keys is.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) bucket: Bucket,
    /// The master that serves it, host and port.
    pub(super) node: String,
    /// The nodes that can tell where it has moved.
    nodes: Vec<Target>,
}

impl Parts {
    /// Opens those that are wanted. An error: none of them can be read.
    pub(super) async fn open(
        place: &Place,
        wanted: impl Fn(Bucket) -> bool,
    ) -> Result<Self, Failure> {
        match place.kind().await? {
            Kind::Server(console) => Ok(Self {
                all: vec![Part::of_server(place, console).await?],
                away: Vec::new(),
                masters: Vec::new(),
            }),
            Kind::Cluster(cluster) => Self::of_cluster(place, &cluster, wanted).await,
        }
    }

    async fn of_cluster(
        place: &Place,
        cluster: &Cluster,
        wanted: impl Fn(Bucket) -> bool,
    ) -> Result<Self, Failure> {
        let mut nodes = cluster.map.targets();
        nodes.extend(cluster.target.seeds());
        let (wanted, nodes) = (&wanted, &nodes);
        let opening = cluster.map.masters.iter().map(async |master| {
            let buckets = master.buckets.iter().copied();
            let buckets: Vec<Bucket> = buckets.filter(|bucket| wanted(*bucket)).collect();
            if buckets.is_empty() {
                return (master, None, Vec::new(), Vec::new());
            }
            match Console::open(&master.target, place.limit()).await {
                Ok(console) => {
                    let (parts, away) = of_master(place, master, &console, buckets, nodes).await;
                    (master, Some(console), parts, away)
                }
                Err(fault) => {
                    let failure = explain::no_connection(&master.target, &fault);
                    let away = failure.at(&master.name, buckets.len(), &master.target);
                    (master, None, Vec::new(), vec![away])
                }
            }
        });
        let mut parts = Self {
            all: Vec::new(),
            away: Vec::new(),
            masters: Vec::new(),
        };
        for (master, console, some, away) in join_all(opening).await {
            parts.masters.push((master.clone(), console));
            parts.all.extend(some);
            parts.away.extend(away);
        }
        parts.without_the_unserved(&cluster.map, wanted)
    }

    fn without_the_unserved(
        mut self,
        map: &ClusterMap,
        wanted: impl Fn(Bucket) -> bool,
    ) -> Result<Self, Failure> {
        let unserved =
            Bucket::all().filter(|bucket| wanted(*bucket) && map.master_of(*bucket).is_none());
        match unserved.count() {
            0 => {}
            unserved => self.away.push(Unavailable::unserved(unserved)),
        }
        if self.all.is_empty() {
            return Err(none_of(&self.away));
        }
        Ok(self)
    }
}

/// Opens the buckets that are on one master; and its failure, if that fails for some of them.
async fn of_master(
    place: &Place,
    master: &Master,
    console: &Console,
    buckets: Vec<Bucket>,
    nodes: &[Target],
) -> (Vec<Part>, Vec<Unavailable>) {
    let beginning = buckets.into_iter().map(async |bucket| {
        let home = Home {
            bucket,
            node: master.name.clone(),
            nodes: nodes.to_vec(),
        };
        Part::begin(place, console.clone(), home).await
    });
    let (mut parts, mut away) = (Vec::new(), Vec::new());
    for part in join_all(beginning).await {
        match part {
            Ok(part) => parts.push(part),
            Err(fault) => {
                let failure = explain::refused(&master.target, LEDGER, &fault);
                let failed = failure.at(&master.name, 1, &master.target);
                failed.add_to(&mut away);
            }
        }
    }
    (parts, away)
}

/// No part of the cluster can be used.
fn none_of(away: &[Unavailable]) -> Failure {
    let lines: Vec<String> = away.iter().map(Unavailable::line).collect();
    let mut failure = Failure::usage(lines.join("; "));
    let first = away.first();
    failure.cause = first.and_then(|away| away.cause.clone());
    failure.remedy = first.and_then(|away| away.remedy.clone());
    failure
}

const LEDGER: &str = "the ledger cannot be read";

impl Part {
    async fn of_server(place: &Place, console: Console) -> Result<Self, Failure> {
        let survey = Survey::begin(console, &place.prefix, place.config.trust_restart).await;
        let survey = survey.map_err(|fault| explain::refused(&place.target, LEDGER, &fault))?;
        Ok(Self { survey, home: None })
    }

    /// Reads the ledger at the master that is said to have it, or at the one that it moves to.
    async fn begin(place: &Place, console: Console, mut home: Home) -> Result<Self, Fault> {
        let until = Instant::now() + MOVING;
        let mut begun = home.survey(place, console).await;
        loop {
            match begun {
                Ok(survey) => {
                    let home = Some(home);
                    return Ok(Self { survey, home });
                }
                Err(fault) if fault.is_of_a_slot() && Instant::now() < until => {}
                Err(fault) => return Err(fault),
            }
            sleep(AGAIN).await;
            begun = home.found(place).await;
        }
    }

    /// Does the work, and does it again at another master if the keys have moved there meanwhile.
    pub(super) async fn following<T>(
        &mut self,
        place: &Place,
        mut work: impl AsyncFnMut(&Survey) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let until = Instant::now() + MOVING;
        loop {
            let fault = match work(&self.survey).await {
                Err(fault) if fault.is_of_a_slot() => fault,
                done => return done,
            };
            let Some(home) = self.home.as_mut().filter(|_| Instant::now() < until) else {
                return Err(fault);
            };
            sleep(AGAIN).await;
            match home.found(place).await {
                Ok(survey) => self.survey = survey,
                // Nobody has all of its keys yet.
                Err(fault) if fault.is_of_a_slot() => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Whether the key belongs to it.
    pub(super) fn holds(&self, key: &str) -> bool {
        let home = self.home.as_ref();
        home.is_none_or(|home| home.bucket == Bucket::of(key))
    }

    /// Its failure, as that of its master; `Err` on a single server.
    pub(super) fn failed(
        &self,
        place: &Place,
        what: &str,
        fault: &Fault,
    ) -> Result<Unavailable, Failure> {
        let failure = explain::refused(&place.target, what, fault);
        match &self.home {
            Some(home) => Ok(failure.at(&home.node, 1, &place.target)),
            None => Err(failure),
        }
    }
}

impl Home {
    async fn survey(&self, place: &Place, console: Console) -> Result<Survey, Fault> {
        let prefix = self.bucket.prefix(&place.prefix);
        Survey::begin(console, &prefix, place.config.trust_restart).await
    }

    /// Finds the master that serves the bucket now, and reads the ledger there.
    async fn found(&mut self, place: &Place) -> Result<Survey, Fault> {
        let map = ClusterMap::ask(&self.nodes, place.limit()).await?;
        let Some(master) = map.master_of(self.bucket) else {
            return Err(Fault::Disconnected(
                "no node of the cluster serves the slot of these keys".into(),
            ));
        };
        self.node = master.name.clone();
        let console = Console::open(&master.target, place.limit()).await?;
        self.survey(place, console).await
    }
}
