//! The figures, as `--json` prints them.

use serde::Serialize;

use crate::ctl::explain::{self, field};
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::ctl::units;
use crate::redis::{Survey, since};

/// How many keys are weighed to estimate the memory of all.
const WEIGHED: usize = 200;

/// How many of the latest removals are named.
const LATEST: usize = 5;

/// All figures.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    redis: String,
    namespace: String,
    pub(super) server: Server,
    pub(super) cache: Cache,
}

/// What `INFO` tells; `null` where the server does not.
#[derive(Debug, Serialize)]
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

#[derive(Debug, Serialize)]
pub(super) struct Cache {
    /// Keys in the catalogue. Some that have gone recently may still be counted.
    pub(super) entries: u64,
    /// Pairs of a tag and an entry that carries it.
    pub(super) tagged: u64,
    pub(super) memory: Memory,
    pub(super) ledger: Ledger,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Memory {
    /// From a sample of the entries.
    pub(super) entries_estimate_bytes: Option<u64>,
    pub(super) catalogue_bytes: Option<u64>,
    pub(super) ledger_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Ledger {
    pub(super) exists: bool,
    /// Patterns of removals that it remembers.
    pub(super) removals: usize,
    /// The longest TTL of an entry; patterns older than that are dropped.
    pub(super) longest_ttl_seconds: f64,
    /// The latest removals by prefix, glob or tag.
    pub(super) latest: Vec<Removal>,
}

#[derive(Debug, Serialize)]
pub(super) struct Removal {
    pub(super) pattern: String,
    pub(super) seconds_ago: f64,
}

impl Figures {
    pub(super) async fn read(place: &Place) -> Result<Self, Failure> {
        let survey = place.survey().await?;
        let info = survey
            .console
            .ask::<String>(&["INFO"])
            .await
            .unwrap_or_default();
        let keys = survey.console.ask::<u64>(&["DBSIZE"]).await.ok();
        let (entries, tagged) = survey.catalogued().await.map_err(|fault| {
            explain::refused(&place.target, "the catalogue cannot be read", &fault)
        })?;
        let memory = memory(&survey, entries).await;
        let now = survey.server_millis();
        let figures = &survey.figures;
        let latest = figures.patterns.iter().take(LATEST);
        Ok(Self {
            redis: place.target.to_string(),
            namespace: place.namespace().to_owned(),
            server: Server::of(&info, keys),
            cache: Cache {
                entries,
                tagged,
                memory,
                ledger: Ledger {
                    exists: figures.birth.is_some(),
                    removals: figures.patterns.len(),
                    longest_ttl_seconds: figures.longest_ms as f64 / 1_000.0,
                    latest: latest
                        .map(|(pattern, number)| Removal {
                            pattern: pattern.to_string(),
                            seconds_ago: since(*number, now).as_millis() as f64 / 1_000.0,
                        })
                        .collect(),
                },
            },
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

impl Server {
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
