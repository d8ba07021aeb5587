//! The figures, as `--json` prints them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::Serialize;

use crate::ctl::explain::field;
use crate::ctl::failure::Failure;
use crate::ctl::parts::Parts;
use crate::ctl::place::Place;
use crate::ctl::unavailable::Unavailable;
use crate::ctl::units;
use crate::redis::{Console, Fault, Survey, since};

/// How many keys are weighed to estimate the memory of all.
const WEIGHED: usize = 200;

/// How many of the latest removals are named.
const LATEST: usize = 5;

/// All figures. In a cluster those of all masters together, and of each.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    redis: String,
    namespace: String,
    pub(super) server: Server,
    pub(super) cache: Cache,
    /// The masters of a cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) masters: Vec<MasterFigures>,
    /// Masters whose figures are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unavailable: Vec<Unavailable>,
}

/// The figures of one master of a cluster.
#[derive(Debug, Serialize)]
pub(super) struct MasterFigures {
    /// Host and port.
    pub(super) node: String,
    pub(super) slots: u64,
    pub(super) buckets: usize,
    pub(super) server: Server,
    pub(super) cache: Cache,
}

/// What `INFO` tells; `null` where the server does not. Of several masters together: sums, and the uptime of the youngest.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) uptime_seconds: Option<u64>,
    pub(super) clients: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) memory_peak_bytes: Option<u64>,
    /// 0: no limit.
    pub(super) memory_limit_bytes: Option<u64>,
    pub(super) eviction_policy: Option<String>,
    /// Keys in the database of the URL, ours and others'.
    pub(super) keys: Option<u64>,
    pub(super) operations_per_second: Option<u64>,
    pub(super) commands: Option<u64>,
    /// Lookups of all programs.
    pub(super) hits: Option<u64>,
    pub(super) misses: Option<u64>,
    pub(super) evicted: Option<u64>,
    pub(super) expired: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Cache {
    /// Keys in the catalogue. Some that have gone recently may still be counted.
    pub(super) entries: u64,
    /// Pairs of a tag and an entry that carries it.
    pub(super) tagged: u64,
    pub(super) memory: Memory,
    pub(super) ledger: Ledger,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Memory {
    /// From a sample of the entries.
    pub(super) entries_estimate_bytes: Option<u64>,
    pub(super) catalogue_bytes: Option<u64>,
    pub(super) ledger_bytes: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Ledger {
    pub(super) exists: bool,
    /// Patterns of removals that it remembers.
    pub(super) removals: usize,
    /// All patterns with the age of their latest removal; buckets share most of them.
    #[serde(skip)]
    ages: BTreeMap<String, u64>,
    /// The longest TTL of an entry; patterns older than that are dropped.
    pub(super) longest_ttl_seconds: f64,
    /// The latest removals by prefix, glob or tag.
    pub(super) latest: Vec<Removal>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Removal {
    pub(super) pattern: String,
    pub(super) seconds_ago: f64,
}

impl Figures {
    pub(super) async fn read(place: &Place) -> Result<Self, Failure> {
        let parts = Parts::open(place, |_| true).await?;
        let (masters, mut unavailable) = (parts.masters, parts.away);
        let is_cluster = !masters.is_empty();
        let mut console = None;
        let reading = parts.all.into_iter().map(async |mut part| {
            let read = part.following(place, async |survey: &Survey| Cache::read(survey).await);
            (read.await, part)
        });
        let mut caches: Vec<(String, Cache)> = Vec::new();
        for (read, part) in join_all(reading).await {
            match read {
                Ok(cache) => {
                    let node = part.home.as_ref().map(|home| home.node.clone());
                    caches.push((node.unwrap_or_default(), cache));
                    console.get_or_insert(part.survey.console);
                }
                Err(fault) => {
                    let away = part.failed(place, "the catalogue cannot be read", &fault)?;
                    away.add_to(&mut unavailable);
                }
            }
        }
        let together = |node: Option<&str>| {
            let wanted = |(of, _): &&(String, Cache)| node.is_none_or(|node| node == of);
            Cache::sum(caches.iter().filter(wanted).map(|(_, cache)| cache))
        };
        let asking = masters.iter().map(async |(master, console)| {
            let console = console.as_ref()?;
            Some(MasterFigures {
                node: master.name.clone(),
                slots: master.slots,
                buckets: master.buckets.len(),
                server: Server::read(console).await,
                cache: together(Some(&master.name)),
            })
        });
        let masters: Vec<MasterFigures> = join_all(asking).await.into_iter().flatten().collect();
        let server = match console {
            Some(console) if !is_cluster => Server::read(&console).await,
            _ => Server::sum(masters.iter().map(|master| &master.server)),
        };
        Ok(Self {
            redis: place.target.to_string(),
            namespace: place.namespace().to_owned(),
            server,
            cache: together(None),
            masters,
            unavailable,
        })
    }

    /// The ledger in one line.
    pub(super) fn ledger(&self) -> String {
        let ledger = &self.cache.ledger;
        match (ledger.exists, ledger.removals) {
            (false, _) => "none: no cache has used this namespace".to_owned(),
            (true, 0) => "no removals by prefix, glob or tag".to_owned(),
            (true, 1) => "1 removal by prefix, glob or tag".to_owned(),
            (true, count) => format!(
                "{} removals by prefix, glob or tag; the latest:",
                units::number(count as u64)
            ),
        }
    }
}

impl Cache {
    async fn read(survey: &Survey) -> Result<Self, Fault> {
        let (entries, tagged) = survey.catalogued().await?;
        let now = survey.server_millis();
        let figures = &survey.figures;
        let ages = figures.patterns.iter().map(|(pattern, number)| {
            let ago = since(*number, now).as_millis();
            (pattern.to_string(), u64::try_from(ago).unwrap_or(u64::MAX))
        });
        let mut cache = Self {
            entries,
            tagged,
            memory: memory(survey, entries).await,
            ledger: Ledger {
                exists: figures.birth.is_some(),
                longest_ttl_seconds: figures.longest_ms as f64 / 1_000.0,
                ages: ages.collect(),
                ..Ledger::default()
            },
        };
        cache.ledger.count();
        Ok(cache)
    }

    /// Buckets of keys together.
    fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self {
            memory: Memory {
                entries_estimate_bytes: Some(0),
                catalogue_bytes: Some(0),
                ledger_bytes: Some(0),
            },
            ..Self::default()
        };
        for one in all {
            let (memory, ledger) = (&mut sum.memory, &mut sum.ledger);
            sum.entries += one.entries;
            sum.tagged += one.tagged;
            add(
                &mut memory.entries_estimate_bytes,
                one.memory.entries_estimate_bytes,
            );
            add(&mut memory.catalogue_bytes, one.memory.catalogue_bytes);
            add(&mut memory.ledger_bytes, one.memory.ledger_bytes);
            ledger.exists |= one.ledger.exists;
            ledger.longest_ttl_seconds =
                (ledger.longest_ttl_seconds).max(one.ledger.longest_ttl_seconds);
            for (pattern, ago) in &one.ledger.ages {
                let known = ledger.ages.entry(pattern.clone()).or_insert(*ago);
                *known = (*known).min(*ago);
            }
        }
        sum.ledger.count();
        sum
    }
}

impl Ledger {
    /// Counts the patterns, and finds the latest.
    fn count(&mut self) {
        self.removals = self.ages.len();
        let mut ages: Vec<(&String, &u64)> = self.ages.iter().collect();
        ages.sort_by_key(|(_, ago)| **ago);
        let latest = ages.into_iter().take(LATEST);
        self.latest = latest
            .map(|(pattern, ago)| Removal {
                pattern: pattern.clone(),
                seconds_ago: *ago as f64 / 1_000.0,
            })
            .collect();
    }
}

/// A sum is known if all that it consists of are.
fn add(sum: &mut Option<u64>, one: Option<u64>) {
    *sum = sum.zip(one).map(|(sum, one)| sum + one);
}

impl Server {
    async fn read(console: &Console) -> Self {
        let info = console.ask::<String>(&["INFO"]).await.unwrap_or_default();
        let keys = console.ask::<u64>(&["DBSIZE"]).await.ok();
        Self::of(&info, keys)
    }

    /// All masters together.
    fn sum<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let sum = |figure: fn(&Self) -> Option<u64>| all.clone().map(figure).sum::<Option<u64>>();
        let different = |text: fn(&Self) -> Option<&str>| {
            let texts: BTreeSet<&str> = all.clone().filter_map(text).collect();
            let texts: Vec<&str> = texts.into_iter().collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        };
        let limits = all.clone().map(|one| one.memory_limit_bytes);
        let is_limited = limits.clone().all(|limit| limit != Some(0));
        Self {
            name: different(|one| Some(&one.name)).unwrap_or_default(),
            version: different(|one| one.version.as_deref()),
            uptime_seconds: all.clone().filter_map(|one| one.uptime_seconds).min(),
            clients: sum(|one| one.clients),
            memory_bytes: sum(|one| one.memory_bytes),
            memory_peak_bytes: sum(|one| one.memory_peak_bytes),
            memory_limit_bytes: match is_limited {
                true => limits.sum(),
                false => Some(0),
            },
            eviction_policy: different(|one| one.eviction_policy.as_deref()),
            keys: sum(|one| one.keys),
            operations_per_second: sum(|one| one.operations_per_second),
            commands: sum(|one| one.commands),
            hits: sum(|one| one.hits),
            misses: sum(|one| one.misses),
            evicted: sum(|one| one.evicted),
            expired: sum(|one| one.expired),
        }
    }

    fn of(info: &str, keys: Option<u64>) -> Self {
        let figure = |name| field(info, name).and_then(|text| text.parse().ok());
        let text = |name| field(info, name).map(str::to_owned);
        let valkey = text("valkey_version");
        Self {
            name: match &valkey {
                Some(_) => "Valkey".to_owned(),
                None => "Redis".to_owned(),
            },
            version: valkey.or_else(|| text("redis_version")),
            uptime_seconds: figure("uptime_in_seconds"),
            clients: figure("connected_clients"),
            memory_bytes: figure("used_memory"),
            memory_peak_bytes: figure("used_memory_peak"),
            memory_limit_bytes: figure("maxmemory"),
            eviction_policy: text("maxmemory_policy"),
            keys,
            operations_per_second: figure("instantaneous_ops_per_sec"),
            commands: figure("total_commands_processed"),
            hits: figure("keyspace_hits"),
            misses: figure("keyspace_misses"),
            evicted: figure("evicted_keys"),
            expired: figure("expired_keys"),
        }
    }
}

async fn memory(survey: &Survey, entries: u64) -> Memory {
    let weigh = async |names: Vec<String>| {
        let word = |text: &str| text.as_bytes().to_vec();
        let commands: Vec<Vec<Vec<u8>>> = (names.iter())
            .map(|name| vec![word("MEMORY"), word("USAGE"), word(name)])
            .collect();
        let asked = survey.console.ask_all::<Option<u64>>(&commands).await;
        asked.unwrap_or_default()
    };
    let own = weigh(vec![survey.full("%catalogue"), survey.full("%ledger")]).await;
    // A name at which nothing is stored weighs nothing; where the command is refused, nothing is known.
    let mut own = own
        .into_iter()
        .map(|size| size.ok().map(|size| size.unwrap_or(0)));
    let keys = survey.some_keys(WEIGHED).await.unwrap_or_default();
    let sizes: Vec<u64> = weigh(keys.iter().map(|key| survey.full(key)).collect())
        .await
        .into_iter()
        .filter_map(|size| size.ok().map(|size| size.unwrap_or(0)))
        .collect();
    let estimate = match (entries, sizes.len() as u64) {
        (0, _) => Some(0),
        (_, 0) => None,
        (entries, weighed) => {
            Some((sizes.iter().sum::<u64>() as f64 / weighed as f64 * entries as f64) as u64)
        }
    };
    Memory {
        entries_estimate_bytes: estimate,
        catalogue_bytes: own.next().flatten(),
        ledger_bytes: own.next().flatten(),
    }
}
