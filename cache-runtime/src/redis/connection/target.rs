//! The address of Redis, parsed once. It is displayed without credentials.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError};

use crate::error::Error;
use crate::redis::bucket::Bucket;
use crate::redis::connection::access::Access;
use crate::redis::connection::cluster_url::ClusterUrl;
use crate::redis::connection::credentials::Credentials;
use crate::redis::connection::login::Login;
use crate::redis::connection::provided::Issued;
use crate::redis::connection::sentinel_url::SentinelUrl;
use crate::redis::connection::sentinels::Sentinels;
use crate::redis::connection::socket::tcp_settings;
use crate::redis::connection::tls::TlsFiles;
use crate::redis::connection::topology::Topology;
#[cfg(feature = "cli")]
use crate::redis::connection::topology::beside;
use crate::redis::connection::wire::Wires;

/// A parsed and checked Redis URL, and how Redis lets this process in.
#[derive(Clone)]
pub(crate) struct Target {
    place: Place,
    database: i64,
    pub(in crate::redis) login: Login,
    tls: TlsFiles,
}

#[derive(Clone)]
enum Place {
    /// A server: host and port, TLS or not, or a socket.
    Server(ConnectionAddr),
    /// The master that sentinels know.
    Sentinels(Box<Sentinels>),
    /// The master that serves a bucket of keys of a cluster.
    Cluster {
        topology: Arc<Topology>,
        bucket: Bucket,
    },
}

impl Target {
    /// # Errors
    ///
    /// One line that names the setting and what is wrong with it, without credentials.
    pub(crate) fn parse(source: &str, text: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::config(format!("{source}: {why}"));
        let text = text.trim();
        for (scheme, tls) in [("redis-sentinel://", false), ("rediss-sentinel://", true)] {
            if let Some(rest) = text.strip_prefix(scheme) {
                return Self::parse_sentinels(rest, tls).map_err(bad);
            }
        }
        if let Some(cluster) = ClusterUrl::of(text) {
            return Self::parse_cluster(source, &cluster);
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("redis" | "redis+unix" | "unix") => {}
            Some("rediss") => prepare_tls().map_err(bad)?,
            Some(other)
                if other
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-') =>
            {
                return Err(bad(&format!(
                    "scheme `{other}://` is not known; use redis://, rediss://, unix://, redis-sentinel://, rediss-sentinel://, redis-cluster:// or rediss-cluster://"
                )));
            }
            _ => return Err(bad("not a URL; it should look like redis://localhost:6379")),
        }
        // The client's own parser checks the rest. Its error text may quote the URL, so it is not passed on.
        let info = text.into_connection_info().map_err(|_| {
            bad(
                "not a usable URL; it should look like redis://user:password@host:6379/0, with special characters of user \
                 and password percent-encoded: `@` as %40, `:` as %3A, `/` as %2F, `#` as %23, `%` as %25",
            )
        })?;
        let settings = info.redis_settings();
        let credentials = settings
            .password()
            .map(|password| Credentials::new(settings.username().unwrap_or_default(), password));
        Ok(Self {
            place: Place::Server(info.addr().clone()),
            database: settings.db(),
            login: Login::fixed(credentials),
            tls: TlsFiles::default(),
        })
    }

    fn parse_sentinels(rest: &str, tls: bool) -> Result<Self, &'static str> {
        if tls {
            prepare_tls()?;
        }
        let url = SentinelUrl::parse(rest)?;
        Ok(Self {
            place: Place::Sentinels(Box::new(Sentinels {
                addresses: url.addresses,
                master: url.master,
                master_tls: tls,
                tls,
                files: TlsFiles::default(),
                login: Login::fixed(None),
            })),
            database: url.database,
            login: Login::fixed(url.credentials),
            tls: TlsFiles::default(),
        })
    }

    /// The same place, reached as the other settings say.
    ///
    /// # Errors
    ///
    /// A setting does not fit the URL. One line that names it.
    pub(crate) fn with(mut self, access: &Access) -> Result<Self, Error> {
        if let Some(provider) = &access.provider {
            self.login = Login::provided(provider.clone());
        }
        let mut needs = access.tls.first().filter(|_| !self.is_tls());
        if let Place::Sentinels(sentinels) = &mut self.place {
            sentinels.tls = access.sentinel_tls.unwrap_or(sentinels.tls);
            if sentinels.tls {
                prepare_tls().map_err(|why| Error::config(format!("REDIS_SENTINEL_TLS: {why}")))?;
                needs = None;
            }
            needs = needs.or(access.sentinel_files.first().filter(|_| !sentinels.tls));
            sentinels.files = access.files_of_sentinels().clone();
            if let Some(provider) = &access.sentinel_provider {
                sentinels.login = Login::provided(provider.clone());
            }
        }
        if let Some(file) = needs {
            return Err(Error::config(format!(
                "{} is set, but the connection is not encrypted; begin the URL with rediss://, rediss-sentinel:// or \
                 rediss-cluster://",
                file.setting
            )));
        }
        self.tls.clone_from(&access.tls);
        Ok(self)
    }

    /// Reads the files for TLS, as each connection will.
    ///
    /// # Errors
    ///
    /// A file cannot be used. One line that names the setting and the file.
    pub(crate) fn check_files(&self) -> Result<(), Error> {
        self.tls.check().map_err(Error::config)?;
        match &self.place {
            Place::Sentinels(sentinels) => sentinels.files.check().map_err(Error::config),
            Place::Server(_) | Place::Cluster { .. } => Ok(()),
        }
    }

    /// Each host is parsed as the URL of a single server.
    fn parse_cluster(source: &str, cluster: &ClusterUrl<'_>) -> Result<Self, Error> {
        let bad = |why: &str| Error::config(format!("{source}: {why}"));
        let mut login = None;
        let mut seeds = Vec::new();
        for url in cluster.each() {
            let node = Self::parse(source, &url)?;
            if node.database != 0 {
                return Err(bad(
                    "a Redis Cluster has only database 0; separate applications by CACHE_NAMESPACE",
                ));
            }
            if let Place::Server(addr) = node.place.clone() {
                seeds.push(addr);
            }
            login.get_or_insert(node);
        }
        let Some(login) = login else {
            return Err(bad("should look like redis-cluster://host:6379,host:6379"));
        };
        let topology = Arc::new(Topology::new(seeds));
        let bucket = Bucket::of("");
        Ok(Self {
            place: Place::Cluster { topology, bucket },
            ..login
        })
    }

    /// Whether this is a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.place, Place::Cluster { .. })
    }

    /// The cluster that this server is a node of. `None`: this is no single server, or not its first database.
    pub(crate) fn as_cluster(&self) -> Option<Self> {
        let Place::Server(addr) = &self.place else {
            return None;
        };
        let place = Place::Cluster {
            topology: Arc::new(Topology::new(vec![addr.clone()])),
            bucket: Bucket::of(""),
        };
        (self.database == 0).then(|| Self {
            place,
            ..self.clone()
        })
    }

    /// The master that serves a bucket of keys, if this is a cluster.
    pub(crate) fn of_bucket(&self, bucket: Bucket) -> Self {
        let mut target = self.clone();
        if let Place::Cluster { bucket: of, .. } = &mut target.place {
            *of = bucket;
        }
        target
    }

    /// The connections that all buckets of a cluster share, and the hash tag of this one.
    pub(in crate::redis) fn shared_wires(&self) -> Option<(&Wires, String)> {
        match &self.place {
            Place::Cluster { topology, bucket } => Some((&topology.wires, bucket.prefix(""))),
            Place::Server(_) | Place::Sentinels(_) => None,
        }
    }

    /// In a cluster: host and port of the master that serves these keys, as far as it is known.
    pub(crate) fn node(&self) -> Option<String> {
        match &self.place {
            Place::Cluster { topology, bucket } => {
                let master = topology.last_master_of(bucket.slot())?;
                Some(master.to_string())
            }
            Place::Server(_) | Place::Sentinels { .. } => None,
        }
    }

    /// True if a log line is to be written. In a cluster many buckets meet the same event at the same time; only the first
    /// of them writes the line.
    pub(in crate::redis) fn is_first_to_say(&self, line: &str) -> bool {
        match &self.place {
            Place::Cluster { topology, .. } => topology.is_news(line),
            Place::Server(_) | Place::Sentinels(_) => true,
        }
    }

    /// One name for the server and its database, however the URL is spelled: without credentials, scheme and options,
    /// and with one name for this machine. With sentinels only the master's name counts, because their list may change.
    pub(in crate::redis) fn server(&self) -> String {
        let host = |host: &str| {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
            match host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
                true => "localhost".to_owned(),
                false => host,
            }
        };
        let place = match &self.place {
            Place::Sentinels(sentinels) => format!("sentinel {}", sentinels.master),
            // The nodes that the URL names may change, and are not the cluster's name; it has none.
            Place::Cluster { .. } => "cluster".to_owned(),
            Place::Server(ConnectionAddr::Tcp(name, port)) => format!("{} {port}", host(name)),
            Place::Server(ConnectionAddr::TcpTls {
                host: name, port, ..
            }) => format!("{} {port}", host(name)),
            Place::Server(ConnectionAddr::Unix(path)) => {
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                format!("unix {}", path.display())
            }
            Place::Server(other) => other.to_string(),
        };
        format!("{place} {}", self.database)
    }

    pub(crate) fn database(&self) -> i64 {
        self.database
    }

    /// Host and port, if the URL names one server that is reached over TCP.
    #[cfg(feature = "cli")]
    pub(crate) fn host(&self) -> Option<(&str, u16)> {
        match &self.place {
            Place::Server(
                ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. },
            ) => Some((host, *port)),
            _ => None,
        }
    }

    /// The sentinels, and the name of the master they know.
    #[cfg(feature = "cli")]
    pub(crate) fn sentinels(&self) -> Option<(&[(String, u16)], &str)> {
        self.as_sentinels()
            .map(|sentinels| (&*sentinels.addresses, &*sentinels.master))
    }

    pub(in crate::redis) fn as_sentinels(&self) -> Option<&Sentinels> {
        match &self.place {
            Place::Sentinels(sentinels) => Some(sentinels),
            Place::Server(_) | Place::Cluster { .. } => None,
        }
    }

    /// The nodes that the URL of a cluster names, each as a server of its own; empty if this is no cluster.
    #[cfg(feature = "cli")]
    pub(crate) fn seeds(&self) -> Vec<Self> {
        let Place::Cluster { topology, .. } = &self.place else {
            return Vec::new();
        };
        let seeds = topology.seeds().iter().cloned();
        seeds.map(|addr| self.at(addr)).collect()
    }

    /// Another node of the cluster that this server is a node of, under the address that this server gives it.
    #[cfg(feature = "cli")]
    pub(in crate::redis) fn other_node(&self, host: Option<String>, port: u16) -> Option<Self> {
        match &self.place {
            Place::Server(asked) => Some(self.at(beside(asked, host, port))),
            _ => None,
        }
    }

    #[cfg(feature = "cli")]
    fn at(&self, addr: ConnectionAddr) -> Self {
        Self {
            place: Place::Server(addr),
            ..self.clone()
        }
    }

    #[cfg(feature = "cli")]
    pub(crate) fn has_password(&self) -> bool {
        self.login.has_password()
    }

    pub(crate) fn is_tls(&self) -> bool {
        let is_tls = |addr: &ConnectionAddr| matches!(addr, ConnectionAddr::TcpTls { .. });
        match &self.place {
            Place::Server(addr) => is_tls(addr),
            Place::Sentinels(sentinels) => sentinels.master_tls,
            Place::Cluster { topology, .. } => topology.seeds().iter().any(is_tls),
        }
    }

    /// The server to connect to now, with the latest credentials.
    pub(crate) async fn resolve(
        &self,
        timeout: Duration,
        resp3: bool,
    ) -> Result<ConnectionInfo, RedisError> {
        let login = self.login.issue(timeout / 2).await?;
        self.resolve_as(&login, timeout, resp3).await
    }

    /// The server to connect to now. Sentinels, and the nodes of a cluster, are asked anew each time, because a master's
    /// address is valid for one connection only; and the TLS files are read anew, because they may have been renewed.
    pub(in crate::redis) async fn resolve_as(
        &self,
        login: &Issued,
        timeout: Duration,
        resp3: bool,
    ) -> Result<ConnectionInfo, RedisError> {
        let params = self.tls.load().await?;
        let addr = match &self.place {
            Place::Server(addr) => addr.clone(),
            Place::Sentinels(sentinels) => sentinels.master(timeout / 2).await?,
            Place::Cluster { topology, bucket } => {
                let open = |addr| self.opened(params.at(addr), login, false);
                topology.master_of(bucket.slot(), open).await?
            }
        };
        self.opened(params.at(addr), login, resp3)
    }

    /// For a further connection to the server of an earlier one: the same address, with the files and the credentials of
    /// now. It reads files, so it is not for tasks.
    pub(in crate::redis) fn resolve_again(
        &self,
        before: &ConnectionInfo,
    ) -> Result<ConnectionInfo, RedisError> {
        let addr = match self.tls.read() {
            Ok(params) => params.at(before.addr().clone()),
            Err(_) => before.addr().clone(),
        };
        let resp3 = before.redis_settings().protocol().supports_resp3();
        match self.login.latest() {
            Some(login) => self.opened(addr, &login, resp3),
            None => Ok(before.clone().set_addr(addr)),
        }
    }

    /// The credentials and settings for a connection to a server.
    fn opened(
        &self,
        addr: ConnectionAddr,
        login: &Issued,
        resp3: bool,
    ) -> Result<ConnectionInfo, RedisError> {
        let mut settings = redis::RedisConnectionInfo::default()
            .set_db(self.database)
            .set_lib_name("cache-runtime", env!("CARGO_PKG_VERSION"));
        if resp3 {
            settings = settings.set_protocol(ProtocolVersion::RESP3);
        }
        if let Some(credentials) = &login.credentials {
            settings = credentials.set_in(settings);
        }
        Ok(addr
            .into_connection_info()?
            .set_redis_settings(settings)
            .set_tcp_settings(tcp_settings()))
    }
}

/// The nodes of a cluster that the configuration names.
fn hosts(topology: &Topology) -> String {
    let hosts: Vec<String> = topology
        .seeds()
        .iter()
        .map(ConnectionAddr::to_string)
        .collect();
    hosts.join(",")
}

/// Installs a TLS crypto provider if the program has none. In a program with several providers the client's own choice
/// would panic.
///
/// # Errors
///
/// This build speaks no TLS.
fn prepare_tls() -> Result<(), &'static str> {
    #[cfg(feature = "tls")]
    {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has just installed one, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(())
    }
    #[cfg(not(feature = "tls"))]
    Err("TLS needs the feature `tls` of cache-runtime")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Server(ConnectionAddr::Tcp(host, port)) => {
                write!(f, "redis://{host}:{port}/{}", self.database)
            }
            Place::Server(ConnectionAddr::TcpTls { host, port, .. }) => {
                write!(f, "rediss://{host}:{port}/{}", self.database)
            }
            Place::Server(ConnectionAddr::Unix(path)) => write!(f, "unix://{}", path.display()),
            Place::Server(_) => f.write_str("redis"),
            Place::Cluster { topology, .. } => {
                let scheme = if self.is_tls() { "rediss" } else { "redis" };
                write!(f, "{scheme}-cluster://{}", hosts(topology))
            }
            Place::Sentinels(sentinels) => {
                let hosts: Vec<String> = sentinels
                    .addresses
                    .iter()
                    .map(|(host, port)| match host.contains(':') {
                        true => format!("[{host}]:{port}"),
                        false => format!("{host}:{port}"),
                    })
                    .collect();
                let scheme = if self.is_tls() { "rediss" } else { "redis" };
                write!(
                    f,
                    "{scheme}-sentinel://{}/{}/{}",
                    hosts.join(","),
                    sentinels.master,
                    self.database
                )
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_without_credentials() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            (
                "redis://user:hunter2@db.example:7000/3",
                "redis://db.example:7000/3",
            ),
            ("redis://:hunter2@localhost", "redis://localhost:6379/0"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
            (
                "redis-sentinel://:hunter2@a:1,b/mymaster/2",
                "redis-sentinel://a:1,b:26379/mymaster/2",
            ),
            (
                "redis-sentinel://:hunter2@[::1]/mymaster",
                "redis-sentinel://[::1]:26379/mymaster/0",
            ),
        ] {
            let target = Target::parse("REDIS_URL", url).unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(format!("{target:?}"), shown);
        }
    }

    #[test]
    fn one_server_has_one_name_however_its_url_is_spelled() {
        let server = |url| Target::parse("REDIS_URL", url).unwrap().server();
        for (one, other) in [
            (
                "redis://localhost",
                "redis://user:secret@127.0.0.1:6379/0?protocol=resp3",
            ),
            ("redis://[::1]:7000/2", "redis://LOCALHOST:7000/2"),
            ("redis://db.example", "redis://DB.example.:6379"),
            (
                "redis-sentinel://a:1,b/mymaster",
                "redis-sentinel://:secret@b,c/mymaster/0",
            ),
        ] {
            assert_eq!(server(one), server(other));
            assert!(!server(other).contains("secret"));
        }
        for (one, other) in [
            ("redis://localhost/1", "redis://localhost/2"),
            ("redis://localhost", "redis://db.example"),
            ("redis://localhost:1", "redis://localhost:2"),
            ("redis-sentinel://a/one", "redis-sentinel://a/two"),
        ] {
            assert_ne!(server(one), server(other));
        }
    }

    #[test]
    fn refused_in_one_line_that_hides_the_password() {
        for url in [
            "http://u:hunter2@localhost",
            "localhost:6379",
            "hunter2",
            "redis://",
            "redis://u:hunter2@localhost:port",
            "redis://u:hunter2@localhost/zero",
            "redis://u:hunter2@a:1,",
            "redis://u:hunter2@a:1,b:x",
            "redis://u:hunter2@a:1,b:2/3",
            "redis-cluster://",
            "redis-sentinel://u:hunter2@a:1",
            "redis-sentinel://u:hunter2@a:x/m",
            "redis-sentinel://a:1/",
        ] {
            let error = Target::parse("REDIS_URL", url).unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with("REDIS_URL: ")
                    && !text.contains("hunter2")
                    && !text.contains('\n'),
                "{text}"
            );
            assert!(error.is_config());
        }
    }
}
