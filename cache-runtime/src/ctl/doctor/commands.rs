//! Every command that the runtime uses, and what is lost without it.

/// How much depends on a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// The cache does not use a server that refuses it, or a promise is broken.
    Needed,
    /// A feature is lost.
    Feature,
    /// The runtime has another way, or only tools use it.
    Extra,
}

impl Weight {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Needed => "needed",
            Self::Feature => "feature",
            Self::Extra => "extra",
        }
    }
}

/// A command, how to try it, and what it is for.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) name: &'static str,
    /// The words of a harmless call. `K` is a key that holds a text, `Z` one with a sorted set, `C` the ledger's channel,
    /// `S` the digest of a loaded script. Empty: it is tried in another way.
    pub(super) trial: &'static [&'static str],
    pub(super) weight: Weight,
    pub(super) used_for: &'static str,
    pub(super) without: &'static str,
}

const fn need(
    name: &'static str,
    trial: &'static [&'static str],
    weight: Weight,
    used_for: &'static str,
    without: &'static str,
) -> Need {
    Need {
        name,
        trial,
        weight,
        used_for,
        without,
    }
}

use Weight::{Extra, Feature, Needed};

use crate::redis::Lack;

const NO_CONNECTION: &str = "the cache does not use this server; it works from memory";
const NO_STORE: &str = "nothing is stored; every call runs its body";
const NO_REMOVAL: &str = "removals by prefix, glob and tag are refused: they wait, and what they cover is not cached (P4)";
const NO_HEARTBEAT: &str = "the heartbeat fails, so the connection is given up every second";

/// In an order in which each finds what it needs.
pub(super) const COMMANDS: &[Need] = &[
    need(
        "SET",
        &["SET", "K", "x", "PX", "10000"],
        Needed,
        "leases and entries",
        NO_STORE,
    ),
    need(
        "GET",
        &["GET", "K"],
        Needed,
        "reads",
        "nothing is read; every call runs its body",
    ),
    need(
        "GETRANGE",
        &["GETRANGE", "K", "0", "23"],
        Needed,
        "scripts compare what stands at a key",
        NO_STORE,
    ),
    need(
        "SETRANGE",
        &["SETRANGE", "K", "0", "x"],
        Needed,
        "a call that removes a pattern over its own key keeps its lease",
        "such a call removes nothing (P4)",
    ),
    need(
        "EXISTS",
        &["EXISTS", "K"],
        Needed,
        "telling a lost ledger from another program's key",
        NO_REMOVAL,
    ),
    need(
        "PTTL",
        &["PTTL", "K"],
        Needed,
        "the lives of leases and of the ledger",
        NO_CONNECTION,
    ),
    need(
        "PEXPIRE",
        &["PEXPIRE", "K", "10000"],
        Needed,
        "the lives of leases and of the ledger",
        NO_CONNECTION,
    ),
    need(
        "MGET",
        &["MGET", "K"],
        Feature,
        "`get_many`",
        "`get_many` finds nothing in Redis",
    ),
    need(
        "SCRIPT LOAD",
        &["SCRIPT", "LOAD", "return 1"],
        Needed,
        "loading the scripts for a connection",
        NO_CONNECTION,
    ),
    need(
        "EVALSHA",
        &["EVALSHA", "S", "1", "K"],
        Needed,
        "every store and removal is a script, one atomic step",
        NO_CONNECTION,
    ),
    need(
        "EVAL",
        &["EVAL", "return 1", "1", "K"],
        Needed,
        "scripts after a `SCRIPT FLUSH`",
        "after a `SCRIPT FLUSH`, nothing is stored or removed until the next connection",
    ),
    need(
        "ZADD",
        &["ZADD", "Z", "0", "a", "0", "b"],
        Needed,
        "the ledger of removals",
        NO_CONNECTION,
    ),
    need(
        "ZCARD",
        &["ZCARD", "Z"],
        Needed,
        "the ledger of removals",
        NO_CONNECTION,
    ),
    need(
        "ZRANGE",
        &["ZRANGE", "Z", "0", "1"],
        Needed,
        "the ledger of removals",
        NO_CONNECTION,
    ),
    need(
        "ZSCORE",
        &["ZSCORE", "Z", "a"],
        Needed,
        "the ledger of removals",
        NO_HEARTBEAT,
    ),
    need(
        "ZMSCORE",
        &["ZMSCORE", "Z", "a", "b"],
        Extra,
        "removals, in one question instead of two",
        "removals ask twice",
    ),
    need(
        "ZRANGEBYSCORE",
        &["ZRANGEBYSCORE", "Z", "0", "1"],
        Needed,
        "asking for removals without pushes, and after a load",
        "a call that removes its own pattern fails to; without pushes nothing is read",
    ),
    need(
        "ZREVRANGEBYSCORE",
        &["ZREVRANGEBYSCORE", "Z", "1", "0"],
        Needed,
        "dropping old removals from the ledger",
        NO_HEARTBEAT,
    ),
    need(
        "ZREMRANGEBYSCORE",
        &["ZREMRANGEBYSCORE", "Z", "5", "6"],
        Needed,
        "dropping old removals from the ledger",
        NO_HEARTBEAT,
    ),
    need(
        "ZRANGEBYLEX",
        &["ZRANGEBYLEX", "Z", "-", "+"],
        Feature,
        "finding the entries that a removal has made stale",
        "they stay in Redis until they expire, and removals count 0",
    ),
    need(
        "ZLEXCOUNT",
        &["ZLEXCOUNT", "Z", "-", "+"],
        Feature,
        "the number of entries in statistics",
        "statistics do not show Redis",
    ),
    need(
        "ZREM",
        &["ZREM", "Z", "b"],
        Feature,
        "forgetting keys that are gone",
        "the catalogue of keys grows until it expires",
    ),
    need(
        "UNLINK",
        &["UNLINK", "K%none"],
        Needed,
        "removals by key",
        "removals by key are refused: they wait, and those keys are not cached (P4)",
    ),
    need(
        "TIME",
        &["TIME"],
        Needed,
        "the age of an entry, by the server's clock",
        NO_CONNECTION,
    ),
    need(
        "INFO",
        &["INFO", "replication"],
        Feature,
        "noticing a restart, a promotion or a demotion",
        Lack::Info.lost(),
    ),
    need(
        "ROLE",
        &["ROLE"],
        Extra,
        "noticing a demotion, where INFO is refused",
        "nothing, if INFO is allowed",
    ),
    need(
        "PING",
        &["PING"],
        Feature,
        "the health report",
        "health reports Redis as unavailable",
    ),
    need(
        "CLIENT TRACKING",
        &["CLIENT", "TRACKING", "ON"],
        Feature,
        "being told which keys change",
        Lack::Tracking.lost(),
    ),
    need(
        "PUBLISH",
        &["PUBLISH", "C", "cachectl"],
        Feature,
        "telling other processes what was removed",
        Lack::Publish.lost(),
    ),
    need(
        "PUBSUB NUMSUB",
        &["PUBSUB", "NUMSUB", "C"],
        Extra,
        "without PUBLISH: whether other processes rely on messages",
        "nothing, if PUBLISH is allowed; else the cache does not use this server",
    ),
    need(
        "SCRIPT EXISTS",
        &["SCRIPT", "EXISTS", "S"],
        Extra,
        "without INFO: recognizing a restarted server",
        "nothing, if INFO is allowed; else each new connection makes the cache cold",
    ),
    need(
        "SUBSCRIBE",
        &[],
        Feature,
        "being told what others remove",
        Lack::Subscribe.lost(),
    ),
    need(
        "UNSUBSCRIBE",
        &[],
        Extra,
        "where a user of the namespace may not PUBLISH: no longer counting as one who relies on messages",
        "nothing, if all users may PUBLISH; else those who may not do without Redis while this user is connected",
    ),
    need(
        "DBSIZE",
        &["DBSIZE"],
        Feature,
        "the number of keys in statistics",
        "statistics do not show Redis",
    ),
    need(
        "DEL",
        &["DEL", "K%none"],
        Extra,
        "the connection test",
        "the connection test fails",
    ),
    need(
        "STRLEN",
        &["STRLEN", "K"],
        Extra,
        "`cachectl keys`",
        "it shows no sizes",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::COMMANDS;

    /// The words that follow `before` in the text, up to a quote.
    fn named<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
        let parts = text.split(before).skip(1);
        parts
            .filter_map(|rest| rest.split(['\'', '"']).next())
            .collect()
    }

    /// The text of all files below the folder, without those that only this tool uses.
    fn sources(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else if !["console.rs", "survey.rs"]
                .iter()
                .any(|own| path.ends_with(own))
            {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_command_of_the_runtime_is_in_the_table() {
        let mut code = String::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/redis");
        sources(&folder, &mut code);
        let mut used: BTreeSet<&str> = BTreeSet::new();
        for before in ["cmd(\"", ".call('", ".pcall('"] {
            let named = named(&code, before);
            assert!(!named.is_empty(), "no command after {before}");
            used.extend(named);
        }
        assert!(used.len() > 20, "{used:?}");
        // `SENTINEL` is asked of sentinels only, `CLUSTER` matters in a cluster only, and `AUTH` is allowed to
        // every user.
        let elsewhere = ["SENTINEL", "CLUSTER", "AUTH"];
        let is_known = |word: &&str| {
            let mut names = COMMANDS
                .iter()
                .filter_map(|need| need.name.split(' ').next());
            elsewhere.contains(word) || names.any(|name| name == *word)
        };
        let missing: Vec<_> = used.iter().filter(|word| !is_known(word)).collect();
        assert!(missing.is_empty(), "no row for {missing:?}");
    }

    #[test]
    fn no_command_is_listed_twice() {
        let names: BTreeSet<_> = COMMANDS.iter().map(|need| need.name).collect();
        assert_eq!(names.len(), COMMANDS.len());
    }
}
