//! Settings: from the environment, or by setters of the same names; checked in one place, before anything runs.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::redis::{Settings, Target};
use crate::ttl;

/// Everything that can be set about a cache.
///
/// Each setting has a default that suits a service with one Redis beside it. [`CacheConfig::from_env`] reads the
/// variables named at each setter; the setters override them.
///
/// ```
/// use cache_runtime::{Cache, CacheConfig};
///
/// # fn main() -> Result<(), cache_runtime::Error> {
/// let cache = Cache::new(CacheConfig::default().namespace("shop").max_entries(50_000))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CacheConfig {
    /// Where the URL came from, and the URL.
    redis_url: Option<(&'static str, String)>,
    pub(crate) max_connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) budget: Duration,
    pub(crate) namespace: String,
    pub(crate) max_entries: usize,
    pub(crate) max_bytes: u64,
    pub(crate) max_value_bytes: usize,
    pub(crate) default_ttl: Duration,
    pub(crate) outage_max_age: Duration,
    pub(crate) trust_restart: bool,
    pub(crate) breaker_failures: u32,
    pub(crate) journal_bound: usize,
    pub(crate) ledger_bound: usize,
    pub(crate) journal: Option<std::path::PathBuf>,
    pub(crate) max_flights: usize,
    pub(crate) max_background: usize,
    pub(crate) max_background_loads: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            redis_url: None,
            // One multiplexed connection carries 420,000 GETs a second, two carry fewer: an upper bound, not a target.
            max_connections: 10,
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(2),
            // What a caller may lose to a sick Redis: below what a person notices, above a slow but healthy answer.
            budget: Duration::from_millis(50),
            namespace: String::new(),
            max_entries: 10_000,
            max_bytes: 64 << 20,
            // A larger value delays everybody's small reads behind it on the shared connection.
            max_value_bytes: 1 << 20,
            default_ttl: Duration::from_secs(300),
            outage_max_age: Duration::from_secs(30),
            trust_restart: false,
            breaker_failures: 3,
            journal_bound: 10_000,
            ledger_bound: 65_536,
            journal: None,
            max_flights: 65_536,
            max_background: 4_096,
            max_background_loads: 256,
        }
    }
}

impl CacheConfig {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// A variable that cannot be right: the text names it, what it held (never a credential) and what it should hold.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn from_lookup(var: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut config = Self {
            redis_url: redis_url(var)?,
            ..Self::default()
        };
        let duration = |name: &str, into: &mut Duration| -> Result<(), Error> {
            if let Some(text) = var(name) {
                *into = ttl::parse_duration(&text)
                    .map_err(|why| Error::config(format!("{name}=`{text}`: {why}")))?;
            }
            Ok(())
        };
        fn number<T: std::str::FromStr>(
            var: &dyn Fn(&str) -> Option<String>,
            name: &str,
            into: &mut T,
        ) -> Result<(), Error> {
            if let Some(text) = var(name) {
                *into = text.trim().parse().map_err(|_| {
                    Error::config(format!(
                        "{name}=`{text}`: give a whole number, such as `10000`"
                    ))
                })?;
            }
            Ok(())
        }
        duration("REDIS_CONNECT_TIMEOUT", &mut config.connect_timeout)?;
        duration("REDIS_COMMAND_TIMEOUT", &mut config.command_timeout)?;
        duration("CACHE_BUDGET", &mut config.budget)?;
        duration("CACHE_DEFAULT_TTL", &mut config.default_ttl)?;
        duration("CACHE_OUTAGE_MAX_AGE", &mut config.outage_max_age)?;
        number(var, "REDIS_MAX_CONNECTIONS", &mut config.max_connections)?;
        number(var, "CACHE_MAX_SIZE_MEMORY", &mut config.max_entries)?;
        number(var, "CACHE_MAX_BYTES_MEMORY", &mut config.max_bytes)?;
        number(var, "CACHE_MAX_VALUE_BYTES", &mut config.max_value_bytes)?;
        number(
            var,
            "CACHE_MAX_BACKGROUND_LOADS",
            &mut config.max_background_loads,
        )?;
        if let Some(namespace) = var("CACHE_NAMESPACE") {
            config.namespace = namespace;
        }
        if let Some(text) = var("CACHE_TRUST_RESTART") {
            config.trust_restart = match text.trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "on" | "yes" => true,
                "0" | "false" | "off" | "no" => false,
                _ => {
                    return Err(Error::config(format!(
                        "CACHE_TRUST_RESTART=`{text}`: give `on` or `off`"
                    )));
                }
            };
        }
        config.journal = var("CACHE_JOURNAL").map(Into::into);
        if let Some((name, why)) = ttl::check_env().first() {
            return Err(Error::config(format!("{name}: {why}")));
        }
        config.validated()
    }

    /// Where Redis is: `redis://`, `rediss://` (feature `tls`), `unix://`, or
    /// `redis-sentinel://host:26379,host:26379/master-name`. Credentials may stand in it; they are never shown.
    ///
    /// Environment: `REDIS_URL`, else `REDIS_PRIVATE_URL`, else `UPSTASH_REDIS_REST_URL` with
    /// `UPSTASH_REDIS_REST_TOKEN`. Without any: memory only.
    #[must_use]
    pub fn redis_url(mut self, url: impl Into<String>) -> Self {
        self.redis_url = Some(("redis_url", url.into()));
        self
    }

    /// Memory only, whatever the environment says.
    #[must_use]
    pub fn without_redis(mut self) -> Self {
        self.redis_url = None;
        self
    }

    /// At most so many connections to Redis (`REDIS_MAX_CONNECTIONS`, 10). Reads share one, because pushes need its
    /// order; this version opens no further ones.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a connect may take (`REDIS_CONNECT_TIMEOUT`, 2 s). No request waits for it.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long background work waits for one command (`REDIS_COMMAND_TIMEOUT`, 2 s).
    #[must_use]
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.command_timeout = timeout;
        self
    }

    /// How long one call waits for Redis, all its commands together (`CACHE_BUDGET`, 50 ms). An invalidation has as
    /// much again.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Refreshes and other loads behind their callers' backs, at the same time at most (`CACHE_MAX_BACKGROUND_LOADS`,
    /// 256). Above it the old value goes on being served; counted in `shed`.
    #[must_use]
    pub fn max_background_loads(mut self, loads: usize) -> Self {
        self.max_background_loads = loads;
        self
    }

    /// Put before every key, with a `:` between (`CACHE_NAMESPACE`, none). Two applications on one Redis need two.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Entries the memory tier holds at most (`CACHE_MAX_SIZE_MEMORY`, 10 000).
    #[must_use]
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// Bytes the memory tier holds at most, as encoded (`CACHE_MAX_BYTES_MEMORY`, 64 MiB).
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Values larger than this are not cached, and counted (`CACHE_MAX_VALUE_BYTES`, 1 MiB).
    #[must_use]
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// The lifetime where a function names none (`CACHE_DEFAULT_TTL`, 300 s).
    #[must_use]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = ttl;
        self
    }

    /// While Redis is away, memory serves nothing that was last known to be current longer ago than this
    /// (`CACHE_OUTAGE_MAX_AGE`, 30 s): other processes' removals do not reach it meanwhile.
    #[must_use]
    pub fn outage_max_age(mut self, age: Duration) -> Self {
        self.outage_max_age = age;
        self
    }

    /// Keep entries over a restart of the Redis server (`CACHE_TRUST_RESTART`, off). A server that comes back from a
    /// snapshot, or a promoted replica, may hold what was removed: off is exact and starts cold, on is warm.
    #[must_use]
    pub fn trust_restart(mut self, trust: bool) -> Self {
        self.trust_restart = trust;
        self
    }

    /// Time-outs in a row that open the breaker (3). A lost connection opens it at once.
    #[must_use]
    pub fn breaker_failures(mut self, failures: u32) -> Self {
        self.breaker_failures = failures;
        self
    }

    /// Removals that may wait for Redis (10 000). Beyond, they become one: everything of the namespace.
    #[must_use]
    pub fn journal_bound(mut self, removals: usize) -> Self {
        self.journal_bound = removals;
        self
    }

    /// Removals by prefix, glob or tag that Redis remembers (65 536). Beyond, the oldest of one family become one that
    /// covers them all: it removes too much of what was stored before, never too little.
    #[must_use]
    pub fn ledger_bound(mut self, patterns: usize) -> Self {
        self.ledger_bound = patterns;
        self
    }

    /// Keys that may be loading at once in this process (65 536). Beyond, a call runs its body alone.
    #[must_use]
    pub fn max_flights(mut self, keys: usize) -> Self {
        self.max_flights = keys;
        self
    }

    /// Stores and releases that may be under way at once (4 096). Beyond, they are dropped and counted
    /// ([`crate::CacheStats::shed`]); a lease that nobody gives up ends by itself.
    #[must_use]
    pub fn max_background(mut self, tasks: usize) -> Self {
        self.max_background = tasks;
        self
    }

    /// A directory where removals that wait for Redis survive a crash of the process (`CACHE_JOURNAL`, none: they are kept
    /// in memory). Several processes may share it; each keeps a locked file there, and adopts those that nobody locks.
    #[must_use]
    pub fn journal(mut self, directory: impl Into<std::path::PathBuf>) -> Self {
        self.journal = Some(directory.into());
        self
    }

    pub(crate) fn validated(self) -> Result<Self, Error> {
        let bad = |text: &str| Err(Error::config(text));
        if self.max_connections == 0 {
            return bad("REDIS_MAX_CONNECTIONS: at least 1");
        }
        if self.max_entries == 0 || self.max_bytes == 0 || self.max_value_bytes == 0 {
            return bad(
                "CACHE_MAX_SIZE_MEMORY, CACHE_MAX_BYTES_MEMORY and CACHE_MAX_VALUE_BYTES: at least 1",
            );
        }
        if [
            self.journal_bound,
            self.ledger_bound,
            self.max_flights,
            self.max_background,
            self.breaker_failures as usize,
        ]
        .contains(&0)
        {
            return bad(
                "breaker_failures, journal_bound, ledger_bound, max_flights and max_background: at least 1",
            );
        }
        let least = Duration::from_millis(1);
        if [
            self.connect_timeout,
            self.command_timeout,
            self.budget,
            self.default_ttl,
        ]
        .iter()
        .any(|time| *time < least)
        {
            return bad("time-outs, the budget and the default TTL: at least 1 ms");
        }
        let refused = |c: char| c.is_control() || c.is_whitespace() || "*?[]{}%".contains(c);
        if self.namespace.len() > 128 || self.namespace.contains(refused) {
            return bad(
                "CACHE_NAMESPACE: up to 128 characters, without spaces, `*?[]{}%` and control characters",
            );
        }
        self.target()?;
        Ok(self)
    }

    pub(crate) fn target(&self) -> Result<Option<Target>, Error> {
        self.redis_url
            .as_ref()
            .map(|(source, url)| Target::parse(source, url))
            .transpose()
    }

    /// What stands before every key in Redis.
    pub(crate) fn redis_settings(&self) -> Settings {
        Settings {
            prefix: self.key_prefix(),
            budget: self.budget,
            command_timeout: self.command_timeout,
            connect_timeout: self.connect_timeout,
            trust_restart: self.trust_restart,
            breaker_failures: self.breaker_failures,
            journal_bound: self.journal_bound,
            journal: self.journal.clone(),
            ledger_bound: self.ledger_bound,
        }
    }

    pub(crate) fn key_prefix(&self) -> String {
        match self.namespace.trim_end_matches(':') {
            "" => String::new(),
            namespace => format!("{namespace}:"),
        }
    }
}

fn redis_url(
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(&'static str, String)>, Error> {
    for name in ["REDIS_URL", "REDIS_PRIVATE_URL"] {
        if let Some(url) = var(name) {
            return Ok(Some((name, url)));
        }
    }
    let Some(rest) = var("UPSTASH_REDIS_REST_URL") else {
        return Ok(None);
    };
    let Some(token) = var("UPSTASH_REDIS_REST_TOKEN") else {
        return Err(Error::config(
            "UPSTASH_REDIS_REST_URL is set, UPSTASH_REDIS_REST_TOKEN is not",
        ));
    };
    let host = url::Url::parse(&rest)
        .ok()
        .filter(|url| url.scheme() == "https");
    let Some(host) = host.as_ref().and_then(url::Url::host_str) else {
        return Err(Error::config(
            "UPSTASH_REDIS_REST_URL: give an `https://…` URL, as the console shows it",
        ));
    };
    let token =
        percent_encoding::utf8_percent_encode(token.trim(), percent_encoding::NON_ALPHANUMERIC);
    Ok(Some((
        "UPSTASH_REDIS_REST_URL",
        format!("rediss://default:{token}@{host}:6379"),
    )))
}

impl fmt::Debug for CacheConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redis = match self.target() {
            Ok(None) => "none".to_owned(),
            Ok(Some(target)) => target.to_string(),
            Err(_) => "unusable".to_owned(),
        };
        f.debug_struct("CacheConfig")
            .field("redis", &redis)
            .field("namespace", &self.namespace)
            .field("budget", &self.budget)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("max_value_bytes", &self.max_value_bytes)
            .field("default_ttl", &self.default_ttl)
            .field("outage_max_age", &self.outage_max_age)
            .field("trust_restart", &self.trust_restart)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<CacheConfig, Error> {
        CacheConfig::from_lookup(&|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_is_memory_only_with_the_defaults() {
        let config = from(&[]).unwrap();
        assert!(config.target().unwrap().is_none());
        assert_eq!(config.max_entries, 10_000);
        assert_eq!(config.default_ttl, Duration::from_secs(300));
        assert_eq!(config.outage_max_age, Duration::from_secs(30));
    }

    #[test]
    fn the_first_url_wins() {
        let config = from(&[
            ("REDIS_PRIVATE_URL", "redis://b:1"),
            ("REDIS_URL", "redis://a:1"),
        ])
        .unwrap();
        assert_eq!(
            config.target().unwrap().unwrap().to_string(),
            "redis://a:1/0"
        );
    }

    #[cfg(feature = "tls")]
    #[test]
    fn upstash_becomes_a_tls_url_and_its_token_stays_hidden() {
        let config = from(&[
            ("UPSTASH_REDIS_REST_URL", "https://eu1-x-1.upstash.io"),
            ("UPSTASH_REDIS_REST_TOKEN", "s3cr/et="),
        ])
        .unwrap();
        assert_eq!(
            config.target().unwrap().unwrap().to_string(),
            "rediss://eu1-x-1.upstash.io:6379/0"
        );
        assert!(!format!("{config:?}").contains("s3cr"));
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        for (name, value, says) in [
            ("CACHE_DEFAULT_TTL", "soon", "CACHE_DEFAULT_TTL"),
            ("CACHE_DEFAULT_TTL", "0", "CACHE_DEFAULT_TTL"),
            ("CACHE_MAX_SIZE_MEMORY", "many", "whole number"),
            ("CACHE_MAX_SIZE_MEMORY", "0", "at least 1"),
            ("CACHE_NAMESPACE", "a*b", "CACHE_NAMESPACE"),
            ("CACHE_TRUST_RESTART", "maybe", "`on` or `off`"),
            ("REDIS_URL", "http://user:hunter2@localhost", "REDIS_URL"),
            ("REDIS_URL", "redis//localhost", "REDIS_URL"),
            ("REDIS_MAX_CONNECTIONS", "-1", "whole number"),
        ] {
            let error = from(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(says), "{name}={value}: {error}");
            assert!(
                !error.contains("hunter2") && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn the_namespace_ends_in_one_colon() {
        for namespace in ["shop", "shop:"] {
            assert_eq!(
                CacheConfig::default().namespace(namespace).key_prefix(),
                "shop:"
            );
        }
        assert_eq!(CacheConfig::default().key_prefix(), "");
    }
}
