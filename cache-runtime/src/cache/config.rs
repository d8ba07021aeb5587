//! The settings of a cache: read from the environment, or set by setters of the same names, and validated before the
//! cache starts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod env;

use crate::entry::policy::{Near, Outage};
use crate::error::Error;
use crate::redis::{Access, CredentialsProvider, Settings, Target};
use crate::ttl;

/// All settings of a cache.
///
/// Each setting has a default that suits a service with a Redis nearby. [`CacheConfig::from_env`] reads the variables
/// that the documentation of each setter names; the setters override them.
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
    /// The name of the variable or setter that gave the URL, and the URL.
    redis_url: Option<(&'static str, String)>,
    access: Access,
    pub(crate) enabled: bool,
    pub(crate) shadow: bool,
    pub(crate) max_connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) budget: Duration,
    pub(crate) namespace: String,
    pub(crate) max_entries: usize,
    pub(crate) max_bytes: u64,
    pub(crate) max_value_bytes: usize,
    pub(crate) precompress_from: usize,
    pub(crate) default_ttl: Duration,
    pub(crate) near: Near,
    pub(crate) outage: Outage,
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
            enabled: true,
            shadow: false,
            access: Access::default(),
            // An upper bound, not a target: one multiplexed connection handles 420,000 GETs a second, two handle
            // fewer.
            max_connections: 10,
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(2),
            // The longest delay that a slow Redis adds to a call: too short for a person to notice, longer than a slow
            // but healthy reply.
            budget: Duration::from_millis(50),
            namespace: String::new(),
            max_entries: 10_000,
            max_bytes: 64 << 20,
            // All reads share one connection, so a larger value delays the small reads behind it.
            max_value_bytes: 1 << 20,
            // A shorter text fits into one packet with the headers, so a compressed one would arrive no sooner.
            precompress_from: 1 << 10,
            default_ttl: Duration::from_secs(300),
            near: Near::On,
            outage: Outage::Memory,
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
    /// Reads the settings from environment variables.
    ///
    /// # Errors
    ///
    /// A variable is invalid. The message names the variable, its value (never a credential) and what is expected.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn from_lookup(var: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut config = Self {
            redis_url: env::redis_url(var)?,
            access: env::access(var)?,
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
        number(var, "REDIS_MAX_CONNECTIONS", &mut config.max_connections)?;
        number(var, "CACHE_MAX_SIZE_MEMORY", &mut config.max_entries)?;
        number(var, "CACHE_MAX_BYTES_MEMORY", &mut config.max_bytes)?;
        number(var, "CACHE_MAX_VALUE_BYTES", &mut config.max_value_bytes)?;
        number(var, "CACHE_PRECOMPRESS_FROM", &mut config.precompress_from)?;
        number(
            var,
            "CACHE_MAX_BACKGROUND_LOADS",
            &mut config.max_background_loads,
        )?;
        if let Some(text) = var("CACHE_ENABLED") {
            (config.enabled, config.shadow) = env::enabled(&text)?;
        }
        if let Some(namespace) = var("CACHE_NAMESPACE") {
            config.namespace = namespace;
        }
        if let Some(text) = var("CACHE_TRUST_RESTART") {
            config.trust_restart = env::on_or_off("CACHE_TRUST_RESTART", &text)?;
        }
        if let Some(text) = var("CACHE_NEAR") {
            config.near = env::near(&text)?;
        }
        if let Some(text) = var("CACHE_OUTAGE") {
            config.outage = env::outage(&text)?;
        }
        if let Some(text) = var("CACHE_OUTAGE_MAX_AGE") {
            config.outage_max_age = env::outage_max_age(&text)?;
        }
        config.journal = var("CACHE_JOURNAL").map(Into::into);
        if let Some((name, why)) = ttl::check_env().first() {
            return Err(Error::config(format!("{name}: {why}")));
        }
        config.validated()
    }

    /// The URL of Redis. It may contain credentials; they are never shown.
    ///
    /// | Redis is | URL |
    /// |---|---|
    /// | one server | `redis://host:6379/0`, `rediss://…` (feature `tls`), `unix:///run/redis.sock` |
    /// | a master with Sentinels | `redis-sentinel://host:26379,host:26379/master-name`, `rediss-sentinel://…` (feature `tls`) |
    /// | a Redis Cluster | `redis://host:6379,host:6379`, `rediss://…`, `redis-cluster://host`, `rediss-cluster://host`; or the plain URL of one node |
    ///
    /// User and password come before the hosts: `redis://user:password@host`, for sentinels, too, where they are those of
    /// the master. Special characters in them are percent-encoded: `@` as `%40`, `:` as `%3A`, `/` as `%2F`, `#` as `%23`, `%` as
    /// `%25`, a space as `%20`.
    ///
    /// The nodes that the URL of a cluster names are asked for the others, so two or three of them are enough.
    ///
    /// Environment: `REDIS_URL`, else `REDIS_PRIVATE_URL`, else `UPSTASH_REDIS_REST_URL` with
    /// `UPSTASH_REDIS_REST_TOKEN`. Without any of them, the cache uses memory only.
    #[must_use]
    pub fn redis_url(mut self, url: impl Into<String>) -> Self {
        self.redis_url = Some(("redis_url", url.into()));
        self
    }

    /// User and password that change while the program runs, instead of those in the URL (`REDIS_CREDENTIALS_FILE`, for a
    /// [`FileCredentials`](crate::FileCredentials)). See [`CredentialsProvider`].
    #[must_use]
    pub fn credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.access.provider = Some(Arc::new(provider));
        self
    }

    /// The certificates of the authorities to trust instead of the system's, in PEM (`REDIS_TLS_CA_FILE`). The feature `tls`
    /// and a `rediss…://` URL are needed.
    ///
    /// This file, and those of the other TLS settings, are checked at once, and read anew for each connection. To replace
    /// them, rename other files to their names; connections that exist go on.
    ///
    /// ```
    /// use cache_runtime::{CacheConfig, Credentials};
    ///
    /// let config = CacheConfig::default()
    ///     .redis_url("rediss-sentinel://app:secret@sentinel-1,sentinel-2/main")
    ///     .tls_ca_file("/etc/redis/ca.pem")
    ///     .tls_client_files("/etc/redis/client.pem", "/etc/redis/client.key")
    ///     .sentinel_credentials(Credentials::new("watcher", "another secret"));
    /// ```
    #[must_use]
    pub fn tls_ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.access.tls.ca = Some(env::named("tls_ca_file", file));
        self
    }

    /// A certificate of this client with its chain, and the private key, in PEM, for servers that want one
    /// (`REDIS_TLS_CERT_FILE`, `REDIS_TLS_KEY_FILE`). The key must not be encrypted.
    #[must_use]
    pub fn tls_client_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.access.tls.certificate = Some(env::named("tls_client_files", certificate));
        self.access.tls.key = Some(env::named("tls_client_files", key));
        self
    }

    /// User and password of the sentinels: [`Credentials`](crate::Credentials) (`REDIS_SENTINEL_USERNAME`, `REDIS_SENTINEL_PASSWORD`), or a provider of
    /// those that change (`REDIS_SENTINEL_CREDENTIALS_FILE`, for a [`FileCredentials`](crate::FileCredentials)). Those of the master are in the URL, or
    /// given by [`CacheConfig::credentials`], and are never sent to a sentinel.
    ///
    /// Each connection to a sentinel is a new one, which asks for a master and ends, so no live connection has to send `AUTH` again.
    #[must_use]
    pub fn sentinel_credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.access.sentinel_provider = Some(Arc::new(provider));
        self
    }

    /// Whether the connections to the sentinels are encrypted (`REDIS_SENTINEL_TLS`; by default as those to the master, so
    /// with `rediss-sentinel://`).
    #[must_use]
    pub fn sentinel_tls(mut self, tls: bool) -> Self {
        self.access.sentinel_tls = Some(tls);
        self
    }

    /// Like [`CacheConfig::tls_ca_file`], for the sentinels (`REDIS_SENTINEL_TLS_CA_FILE`). If any file is set for the
    /// sentinels, none of the server's is used for them.
    #[must_use]
    pub fn sentinel_tls_ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.access.sentinel_files.ca = Some(env::named("sentinel_tls_ca_file", file));
        self
    }

    /// Like [`CacheConfig::tls_client_files`], for the sentinels (`REDIS_SENTINEL_TLS_CERT_FILE`,
    /// `REDIS_SENTINEL_TLS_KEY_FILE`).
    #[must_use]
    pub fn sentinel_tls_client_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let setting = "sentinel_tls_client_files";
        self.access.sentinel_files.certificate = Some(env::named(setting, certificate));
        self.access.sentinel_files.key = Some(env::named(setting, key));
        self
    }

    /// Switches the cache off, with `false`: every read runs its body, and nothing is stored (`CACHE_ENABLED`, on). To
    /// find out whether a fault is the cache's, or to measure without it.
    ///
    /// Removals are still made. If Redis is configured, other processes of the namespace may use the cache, and rely on
    /// hearing what this process changes. For the same reason a result that would replace an entry (`put`,
    /// [`Cache::set`](crate::Cache::set)) removes it.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Stores values and compares them, and serves none, with `true` (`CACHE_ENABLED=shadow`). To find out on your own traffic,
    /// before the cache answers anybody, how often it would and whether its answers would be right.
    ///
    /// Each read runs its body, as with a cache that is switched off. If the cache has a value for the call, it is compared with the
    /// body's result; [`CacheStats::shadow_hits`](crate::CacheStats::shadow_hits),
    /// [`CacheStats::compared`](crate::CacheStats::compared) and [`CacheStats::mismatches`](crate::CacheStats::mismatches)
    /// count, and a warning names the function. Otherwise the result is stored as usual. A call waits for Redis before its body
    /// runs, as on a miss.
    ///
    /// Manual reads find nothing: [`Cache::get`](crate::Cache::get) returns `None`, and
    /// [`Cache::get_or_load`](crate::Cache::get_or_load) runs its loader; they compare nothing.
    #[must_use]
    pub fn shadow(mut self, shadow: bool) -> Self {
        self.shadow = shadow;
        self
    }

    /// Uses memory only, even if the environment names a Redis.
    #[must_use]
    pub fn without_redis(mut self) -> Self {
        self.redis_url = None;
        self
    }

    /// The maximum number of connections to Redis (`REDIS_MAX_CONNECTIONS`, 10). All reads share one connection,
    /// because invalidation pushes must stay in order with the replies; this version opens no further connections.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// The time limit for connecting to Redis (`REDIS_CONNECT_TIMEOUT`, 2 s). No request waits that long.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long background work waits for the reply to one command (`REDIS_COMMAND_TIMEOUT`, 2 s).
    #[must_use]
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.command_timeout = timeout;
        self
    }

    /// How long one call waits for Redis, for all its commands together (`CACHE_BUDGET`, 50 ms). An invalidation has a
    /// separate budget of the same length.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// The maximum number of refreshes and other background loads that run at the same time
    /// (`CACHE_MAX_BACKGROUND_LOADS`, 256). Above it, calls keep serving the old value, and the refresh is counted in
    /// `shed`.
    #[must_use]
    pub fn max_background_loads(mut self, loads: usize) -> Self {
        self.max_background_loads = loads;
        self
    }

    /// A prefix for every key, followed by a `:` (`CACHE_NAMESPACE`, none). Two applications that share one Redis need
    /// two different namespaces.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The maximum number of entries in the memory tier (`CACHE_MAX_SIZE_MEMORY`, 10 000).
    #[must_use]
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// The maximum size of the memory tier in bytes, measured on the encoded values (`CACHE_MAX_BYTES_MEMORY`, 64
    /// MiB).
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The maximum size of a value in bytes (`CACHE_MAX_VALUE_BYTES`, 1 MiB). Larger values are not cached, but
    /// counted.
    #[must_use]
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// The length in bytes from which on the JSON text of a `CachedJson` is also stored compressed
    /// (`CACHE_PRECOMPRESS_FROM`, 1 KiB), with the feature `compression`. `usize::MAX`: never.
    #[must_use]
    pub fn precompress_from(mut self, bytes: usize) -> Self {
        self.precompress_from = bytes;
        self
    }

    /// The TTL of entries whose function sets none (`CACHE_DEFAULT_TTL`, 300 s).
    #[must_use]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = ttl;
        self
    }

    /// Whether memory may answer while Redis is available (`CACHE_NEAR`: `on`, the default, `off`, or an age such as `2s`), for
    /// functions that do not say `near`, and for manual reads.
    #[must_use]
    pub fn near(mut self, near: Near) -> Self {
        self.near = near;
        self
    }

    /// Whether memory or the body answers a call while Redis is unavailable (`CACHE_OUTAGE`: `memory`, the default, or `bypass`), for functions that do not
    /// say `outage`, and for manual reads.
    #[must_use]
    pub fn outage(mut self, outage: Outage) -> Self {
        self.outage = outage;
        self
    }

    /// How long memory serves an entry while Redis is unreachable, counted from the time at which the entry was last
    /// known to be current (`CACHE_OUTAGE_MAX_AGE`, 30 s). During the outage, this process does not learn of removals
    /// by other processes. Zero means that memory does not answer, as with [`Outage::Bypass`].
    #[must_use]
    pub fn outage_max_age(mut self, age: Duration) -> Self {
        self.outage_max_age = age;
        self
    }

    /// Keeps using entries after a restart of the Redis server (`CACHE_TRUST_RESTART`, off). A server that restarts
    /// from a snapshot, or a promoted replica, may hold entries that were removed. Off never serves those, but starts
    /// with a cold cache; on starts with a warm one.
    #[must_use]
    pub fn trust_restart(mut self, trust: bool) -> Self {
        self.trust_restart = trust;
        self
    }

    /// The number of consecutive time-outs that open the circuit breaker (3). A lost connection opens it at once.
    #[must_use]
    pub fn breaker_failures(mut self, failures: u32) -> Self {
        self.breaker_failures = failures;
        self
    }

    /// The maximum number of removals in the journal, waiting for Redis (10 000). Above it, they are replaced by a
    /// single removal of the whole namespace.
    #[must_use]
    pub fn journal_bound(mut self, removals: usize) -> Self {
        self.journal_bound = removals;
        self
    }

    /// The maximum number of removals by prefix, glob or tag that Redis remembers (65 536). Above it, the oldest
    /// removals of one family are merged into one that covers them all. The merged removal may cover more of the
    /// entries stored before it than the single ones did, never fewer.
    #[must_use]
    pub fn ledger_bound(mut self, patterns: usize) -> Self {
        self.ledger_bound = patterns;
        self
    }

    /// The maximum number of keys that this process loads at the same time (65 536). Above it, a call runs its body
    /// without coalescing.
    #[must_use]
    pub fn max_flights(mut self, keys: usize) -> Self {
        self.max_flights = keys;
        self
    }

    /// The maximum number of stores and lease releases that run in the background at the same time (4 096). Above it,
    /// they are dropped and counted ([`crate::CacheStats::shed`]); a lease that is not released expires by itself.
    #[must_use]
    pub fn max_background(mut self, tasks: usize) -> Self {
        self.max_background = tasks;
        self
    }

    /// The directory of the journal (`CACHE_JOURNAL`; by default the journal is in memory). Removals that wait for
    /// Redis then survive a crash of the process. Several processes may share the directory: each keeps a locked file
    /// in it, and takes over files that no process has locked.
    #[must_use]
    pub fn journal(mut self, directory: impl Into<std::path::PathBuf>) -> Self {
        self.journal = Some(directory.into());
        self
    }

    pub(crate) fn validated(self) -> Result<Self, Error> {
        let bad = |text: &str| Err(Error::config(text));
        if self.max_connections == 0 {
            return bad("REDIS_MAX_CONNECTIONS: give at least 1");
        }
        if self.max_entries == 0 || self.max_bytes == 0 || self.max_value_bytes == 0 {
            return bad(
                "CACHE_MAX_SIZE_MEMORY, CACHE_MAX_BYTES_MEMORY and CACHE_MAX_VALUE_BYTES: give at least 1",
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
                "breaker_failures, journal_bound, ledger_bound, max_flights and max_background: give at least 1",
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
            return bad(
                "REDIS_CONNECT_TIMEOUT, REDIS_COMMAND_TIMEOUT, CACHE_BUDGET and CACHE_DEFAULT_TTL: give at least 1 ms",
            );
        }
        let refused = |c: char| c.is_control() || c.is_whitespace() || "*?[]{}%".contains(c);
        if self.namespace.len() > 128 || self.namespace.contains(refused) {
            return bad(
                "CACHE_NAMESPACE: give at most 128 characters, without spaces, control characters and `*?[]{}%`",
            );
        }
        if let Some(target) = self.target()? {
            target.check_files()?;
        }
        Ok(self)
    }

    pub(crate) fn target(&self) -> Result<Option<Target>, Error> {
        self.redis_url
            .as_ref()
            .map(|(source, url)| Target::parse(source, url)?.with(&self.access))
            .transpose()
    }

    /// The environment variable that named Redis, if one did.
    pub(crate) fn redis_variable(&self) -> Option<&'static str> {
        let (setting, _) = self.redis_url.as_ref()?;
        env::REDIS_VARIABLES.contains(setting).then_some(*setting)
    }

    /// The settings that the Redis tier needs.
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
            lacks_said: Arc::default(),
        }
    }

    pub(crate) fn key_prefix(&self) -> String {
        match self.namespace.trim_end_matches(':') {
            "" => String::new(),
            namespace => format!("{namespace}:"),
        }
    }
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
            .field("access", &self.access)
            .field("enabled", &self.enabled)
            .field("shadow", &self.shadow)
            .field("namespace", &self.namespace)
            .field("budget", &self.budget)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("max_value_bytes", &self.max_value_bytes)
            .field("default_ttl", &self.default_ttl)
            .field("near", &self.near)
            .field("outage", &self.outage)
            .field("outage_max_age", &self.outage_max_age)
            .field("trust_restart", &self.trust_restart)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
