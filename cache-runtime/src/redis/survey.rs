//! The ledger and the catalogue of a namespace, read for a person over a plain connection. Nothing is written: a namespace
//! that does not exist does not begin to.

use std::time::Duration;

use redis::Value;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use crate::entry::{self, LABEL, Stamp};
use crate::key::Pattern;
use crate::redis::catalogue::{key_of, member_of_key};
use crate::redis::connection::fault::Fault;
use crate::redis::connection::server::{ServerRole, run_id};
use crate::redis::console::Console;
use crate::redis::ledger::{Birth, Ledger, Page, Validity};

/// Catalogue members per page.
pub(in crate::redis) const PAGE: usize = 250;

/// A namespace as it is now; in a Redis Cluster, one bucket of it.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) console: Console,
    /// The namespace with its colon, or nothing.
    pub(crate) prefix: String,
    /// Hash of the prefix; entries carry it.
    pub(crate) namespace: u64,
    pub(crate) figures: LedgerFigures,
    ledger: Ledger,
    /// The server's time in ms when it was asked, and when that was.
    clock: (u64, Instant),
}

/// What the ledger holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct LedgerFigures {
    /// `None`: there is no ledger.
    pub(crate) birth: Option<Birth>,
    /// Every pattern with the number of its latest removal, the newest first.
    pub(crate) patterns: Vec<(Pattern, u64)>,
    /// The longest life of an entry, in ms.
    pub(crate) longest_ms: u64,
}

/// A key of the catalogue, and the beginning of its value.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    /// Enough to contain the header and the tags. Empty: the key is gone, or holds another type of Redis.
    pub(crate) beginning: Vec<u8>,
    /// Bytes of the whole value; `None` if the server does not tell.
    pub(crate) size: Option<u64>,
}

/// Whether removals have made an entry stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// No removal covers it.
    None,
    /// This removal, the latest that covers it; its number is a time in microseconds.
    By(Pattern, u64),
    /// A removal so old that the ledger no longer names it.
    Forgotten,
    /// It was written under another ledger, or on another run of the server.
    Elsewhere,
}

impl Survey {
    /// Reads the ledger. `trusts_restarts`: entries of another run of the server are accepted.
    pub(crate) async fn begin(
        console: Console,
        prefix: &str,
        trusts_restarts: bool,
    ) -> Result<Self, Fault> {
        let server = console.ask::<Value>(&["INFO", "server"]).await;
        let role = console.ask::<Value>(&["INFO", "replication"]).await;
        let (seconds, micros): (u64, u64) = console.ask(&["TIME"]).await?;
        let clock = (seconds * 1000 + micros / 1000, Instant::now());
        // What the runtime makes of the same answers; a user who may not ask gets no run, there and here.
        let run_id = run_id(server.map_err(|fault| unanswered(&fault)));
        let role = role.ok().and_then(ServerRole::read).unwrap_or_default();
        let run = match run_id {
            Some(run_id) if !trusts_restarts => role.reign(&run_id),
            _ => 0,
        };
        let name = format!("{prefix}%ledger");
        let members: Vec<(Vec<u8>, f64)> = console
            .ask(&["ZRANGE", name.as_str(), "0", "-1", "WITHSCORES"])
            .await
            .map_err(|fault| foreign(fault, &name))?;
        let page = Page::read(members.clone());
        let mut patterns = page.patterns.clone();
        patterns.sort_unstable_by_key(|(_, number)| std::cmp::Reverse(*number));
        let longest = members.iter().find(|(member, _)| member == b"l");
        let figures = LedgerFigures {
            birth: page.birth,
            patterns,
            longest_ms: longest.map_or(0, |(_, score)| (-score).max(0.0) as u64),
        };
        let ledger = Ledger::default();
        ledger.opened(run, page);
        Ok(Self {
            console,
            prefix: prefix.to_owned(),
            namespace: xxh3_64(prefix.as_bytes()),
            figures,
            ledger,
            clock,
        })
    }

    /// The server's time in ms, as far as this process knows.
    pub(crate) fn server_millis(&self) -> u64 {
        let (then, asked) = self.clock;
        then + u64::try_from(asked.elapsed().as_millis()).unwrap_or(0)
    }

    /// The name of a key in Redis.
    pub(crate) fn full(&self, key: &str) -> String {
        [&self.prefix, key].concat()
    }

    /// The number of keys in the catalogue, and of its further members, one for each tag of an entry.
    pub(crate) async fn catalogued(&self) -> Result<(u64, u64), Fault> {
        let name = self.full("%catalogue");
        let count = async |from: &str, to: &str| {
            let words = ["ZLEXCOUNT", &name, from, to];
            let asked = self.console.ask::<u64>(&words);
            asked.await.map_err(|fault| foreign(fault, &name))
        };
        Ok((count("[k", "(l").await?, count("[t", "(u").await?))
    }

    /// Which removal, if any, has made an entry stale.
    pub(crate) fn removal(&self, stamp: &Stamp, key: &str, tags: &[&str]) -> Removal {
        match self.ledger.judge(stamp, key, tags.iter().copied()) {
            Validity::Valid => Removal::None,
            Validity::OtherLedger => Removal::Elsewhere,
            Validity::Removed => {
                let covers = |(pattern, number): &&(Pattern, u64)| {
                    *number > stamp.number && pattern.matches(key, tags)
                };
                match self.figures.patterns.iter().find(covers) {
                    Some((pattern, number)) => Removal::By(pattern.clone(), *number),
                    None => Removal::Forgotten,
                }
            }
        }
    }

    /// A page of the catalogue.
    pub(in crate::redis) async fn members(
        &self,
        from: &[u8],
        to: &[u8],
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let name = self.full("%catalogue");
        let page = PAGE.to_string();
        let words: [&[u8]; 7] = [
            b"ZRANGEBYLEX",
            name.as_bytes(),
            from,
            to,
            b"LIMIT",
            b"0",
            page.as_bytes(),
        ];
        let asked = self.console.ask(&words).await;
        asked.map_err(|fault| foreign(fault, &name))
    }

    /// Reads the beginnings and the sizes of the values at these keys, in two round trips at most.
    pub(in crate::redis) async fn look_at(&self, keys: Vec<String>) -> Result<Vec<Listed>, Fault> {
        let names: Vec<Vec<u8>> = keys.iter().map(|key| self.full(key).into()).collect();
        let wanted: Vec<(usize, usize)> = (0..keys.len()).map(|at| (at, LABEL)).collect();
        let mut beginnings = self.beginnings(&names, &wanted).await?;
        let longer: Vec<(usize, usize)> = (beginnings.iter().enumerate())
            .filter_map(|(at, bytes)| Some((at, entry::label_length(bytes)?)))
            .filter(|(_, length)| *length > LABEL)
            .collect();
        let again = self.beginnings(&names, &longer).await?;
        for ((at, _), bytes) in longer.iter().zip(again) {
            beginnings[*at] = bytes;
        }
        let sizes: Vec<Vec<Vec<u8>>> = (names.iter())
            .map(|name| vec![b"STRLEN".to_vec(), name.clone()])
            .collect();
        let sizes = self.console.ask_all::<u64>(&sizes).await?;
        let listed = keys.into_iter().zip(beginnings).zip(sizes);
        Ok(listed
            .map(|((key, beginning), size)| Listed {
                key,
                beginning,
                size: size.ok(),
            })
            .collect())
    }

    async fn beginnings(
        &self,
        names: &[Vec<u8>],
        wanted: &[(usize, usize)],
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let commands: Vec<Vec<Vec<u8>>> = wanted
            .iter()
            .map(|(at, length)| {
                let last = (length - 1).to_string().into_bytes();
                vec![
                    b"GETRANGE".to_vec(),
                    names[*at].clone(),
                    b"0".to_vec(),
                    last,
                ]
            })
            .collect();
        let answers = self.console.ask_all::<Vec<u8>>(&commands).await?;
        answers.into_iter().map(unless_refused).collect()
    }

    /// Whether the catalogue names the key.
    pub(crate) async fn is_catalogued(&self, key: &str) -> Option<bool> {
        let name = self.full("%catalogue");
        let words: [&[u8]; 3] = [b"ZSCORE", name.as_bytes(), &member_of_key(key)];
        let score = self.console.ask::<Option<f64>>(&words).await;
        score.ok().map(|score| score.is_some())
    }

    /// Some keys of the catalogue, chosen at random.
    pub(crate) async fn some_keys(&self, count: usize) -> Result<Vec<String>, Fault> {
        let (name, count) = (self.full("%catalogue"), count.to_string());
        let words = ["ZRANDMEMBER", name.as_str(), count.as_str()];
        let members: Vec<Vec<u8>> = self.console.ask(&words).await?;
        let keys = members.iter().filter(|member| member.starts_with(b"k"));
        Ok(keys.filter_map(|member| key_of(member)).collect())
    }
}

/// A value of another type of Redis is not ours. A missing permission is an error.
fn unless_refused(answer: Result<Vec<u8>, Fault>) -> Result<Vec<u8>, Fault> {
    match answer {
        Err(Fault::Refused(why)) if why.starts_with("WRONGTYPE") => Ok(Vec::new()),
        answer => answer,
    }
}

fn foreign(fault: Fault, name: &str) -> Fault {
    match fault {
        Fault::Refused(why) if why.starts_with("WRONGTYPE") => Fault::Refused(format!(
            "the key `{name}` holds something that is not ours: rename or delete it, or set another CACHE_NAMESPACE"
        )),
        fault => fault,
    }
}

fn unanswered(fault: &Fault) -> redis::RedisError {
    (redis::ErrorKind::Client, "not answered", fault.to_string()).into()
}

/// How long ago a ledger's number was made: it is the server's time in microseconds.
pub(crate) fn since(number: u64, server_millis: u64) -> Duration {
    Duration::from_millis(server_millis.saturating_sub(number / 1000))
}
