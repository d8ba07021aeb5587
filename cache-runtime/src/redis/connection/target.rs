//! The address of Redis, parsed once. It is displayed without credentials.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, io::tcp::TcpSettings,
};

use crate::error::Error;
use crate::redis::bucket::Bucket;
use crate::redis::connection::topology::Topology;
#[cfg(feature = "cli")]
use crate::redis::connection::topology::beside;
use crate::redis::connection::wire::Wires;

/// A parsed and checked Redis URL.
#[derive(Clone)]
pub(crate) struct Target {
    place: Place,
    database: i64,
    username: Option<String>,
    password: Option<String>,
}

#[derive(Clone)]
enum Place {
    /// A server: host and port, TLS or not, or a socket.
    Server(ConnectionAddr),
    /// Sentinels, and the name of the master they know.
    Sentinels {
        addresses: Vec<(String, u16)>,
        master: String,
    },
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
        if let Some(rest) = text.strip_prefix("redis-sentinel://") {
            return Self::parse_sentinels(rest).map_err(|why| bad(&why));
        }
        if let Some(cluster) = ClusterUrl::of(text) {
            return Self::parse_cluster(source, &cluster);
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some("redis" | "redis+unix" | "unix") => {}
            Some("rediss") if cfg!(feature = "tls") => crypto_provider(),
            Some("rediss") => {
                return Err(bad("`rediss://` needs the feature `tls` of cache-runtime"));
            }
            Some(other)
                if other
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-') =>
            {
                return Err(bad(&format!(
                    "scheme `{other}://` is not known; use redis://, rediss://, unix://, redis-sentinel://, redis-cluster:// or rediss-cluster://"
                )));
            }
            _ => return Err(bad("not a URL; it should look like redis://localhost:6379")),
        }
        // The client's own parser checks the rest. Its error text may quote the URL, so it is not passed on.
        let info = text.into_connection_info().map_err(|_| {
            bad("not a usable URL; it should look like redis://user:password@host:6379/0")
        })?;
        let settings = info.redis_settings();
        Ok(Self {
            place: Place::Server(info.addr().clone()),
            database: settings.db(),
            username: settings.username().map(str::to_owned),
            password: settings.password().map(str::to_owned),
        })
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
            Place::Server(_) | Place::Sentinels { .. } => None,
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
            Place::Server(_) | Place::Sentinels { .. } => true,
        }
    }

    /// `[user:password@]host[:port],…/master[/database]`
    fn parse_sentinels(rest: &str) -> Result<Self, String> {
        let shape = "should look like redis-sentinel://host:26379,host:26379/master-name";
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (hosts, path) = rest.split_once('/').ok_or(shape)?;
        let (master, database) = path.split_once('/').unwrap_or((path, "0"));
        let mut addresses = Vec::new();
        for host in hosts.split(',') {
            let (host, port) = match host.rsplit_once(':') {
                Some((host, port)) => (host, port.parse().map_err(|_| shape)?),
                None => (host, 26379),
            };
            if host.is_empty() {
                return Err(shape.into());
            }
            addresses.push((host.to_owned(), port));
        }
        if master.is_empty() {
            return Err(shape.into());
        }
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let (username, password) =
            match credentials.map(|text| text.split_once(':').unwrap_or(("", text))) {
                Some((user, password)) => (
                    Some(user).filter(|user| !user.is_empty()).map(decode),
                    Some(decode(password)),
                ),
                None => (None, None),
            };
        let database = database.parse().map_err(|_| shape)?;
        let place = Place::Sentinels {
            addresses,
            master: master.to_owned(),
        };
        Ok(Self {
            place,
            database,
            username,
            password,
        })
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
            Place::Sentinels { master, .. } => format!("sentinel {master}"),
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
        match &self.place {
            Place::Sentinels { addresses, master } => Some((addresses, master)),
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
        self.password.is_some()
    }

    pub(crate) fn is_tls(&self) -> bool {
        let is_tls = |addr: &ConnectionAddr| matches!(addr, ConnectionAddr::TcpTls { .. });
        match &self.place {
            Place::Server(addr) => is_tls(addr),
            Place::Sentinels { .. } => false,
            Place::Cluster { topology, .. } => topology.seeds().iter().any(is_tls),
        }
    }

    /// The server to connect to now. Sentinels, and the nodes of a cluster, are asked anew each time, because a master's
    /// address is valid for one connection only.
    pub(crate) async fn resolve(
        &self,
        timeout: Duration,
        resp3: bool,
    ) -> Result<ConnectionInfo, redis::RedisError> {
        let addr = match &self.place {
            Place::Server(addr) => addr.clone(),
            Place::Sentinels { addresses, master } => {
                ask_sentinels(addresses, master, timeout).await?
            }
            Place::Cluster { topology, bucket } => {
                let open = |addr| self.login(addr, false);
                topology.master_of(bucket.slot(), open).await?
            }
        };
        self.login(addr, resp3)
    }

    /// The credentials and settings for a connection to a server.
    fn login(
        &self,
        addr: ConnectionAddr,
        resp3: bool,
    ) -> Result<ConnectionInfo, redis::RedisError> {
        let mut settings = redis::RedisConnectionInfo::default()
            .set_db(self.database)
            .set_lib_name("cache-runtime", env!("CARGO_PKG_VERSION"));
        if resp3 {
            settings = settings.set_protocol(ProtocolVersion::RESP3);
        }
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
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

/// The URL of a cluster: `redis-cluster://`, or any other scheme with several hosts.
struct ClusterUrl<'a> {
    scheme: &'a str,
    credentials: Option<&'a str>,
    hosts: &'a str,
    /// What follows the hosts, with its `/`, `?` or `#`.
    rest: &'a str,
}

impl<'a> ClusterUrl<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let plain = match scheme {
            "redis-cluster" => Some("redis"),
            "rediss-cluster" => Some("rediss"),
            _ => None,
        };
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (hosts, rest) = rest.split_at(end);
        let several = matches!(scheme, "redis" | "rediss") && hosts.contains(',');
        (plain.is_some() || several).then_some(Self {
            scheme: plain.unwrap_or(scheme),
            credentials,
            hosts,
            rest,
        })
    }

    /// A URL for each host.
    fn each(&self) -> impl Iterator<Item = String> {
        let credentials = match self.credentials {
            Some(credentials) => format!("{credentials}@"),
            None => String::new(),
        };
        let (scheme, rest) = (self.scheme, self.rest);
        self.hosts
            .split(',')
            .map(move |host| format!("{scheme}://{credentials}{}{rest}", host.trim()))
    }
}

/// Installs a TLS crypto provider if the program has none. In a program with several providers the client's own choice
/// would panic.
fn crypto_provider() {
    #[cfg(feature = "tls")]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread has just installed one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// With these settings a network that drops packets is noticed within two seconds. A frozen server still acknowledges
/// packets; the supervisor's heartbeat notices it.
fn tcp_settings() -> TcpSettings {
    let second = Duration::from_secs(1);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(second)
        .with_interval(second);
    #[cfg(any(
        target_os = "linux",
        target_os = "macos",
        target_os = "freebsd",
        target_os = "windows"
    ))]
    let keepalive = keepalive.with_retries(2);
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(Duration::from_millis(1500));
    settings
}

async fn ask_sentinels(
    addresses: &[(String, u16)],
    master: &str,
    timeout: Duration,
) -> Result<ConnectionAddr, redis::RedisError> {
    let mut last = None;
    for (host, port) in addresses {
        let ask = async {
            let info = ConnectionAddr::Tcp(host.clone(), *port).into_connection_info()?;
            let client = redis::Client::open(info.set_tcp_settings(tcp_settings()))?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            let mut ask = redis::cmd("SENTINEL");
            ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
            ask.query_async::<Option<(String, u16)>>(&mut connection)
                .await
        };
        match tokio::time::timeout(timeout, ask).await {
            Ok(Ok(Some((host, port)))) => return Ok(ConnectionAddr::Tcp(host, port)),
            Ok(Ok(None)) => {
                last = Some(
                    (
                        redis::ErrorKind::MasterNameNotFoundBySentinel,
                        "the sentinel does not know this master name",
                    )
                        .into(),
                );
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => {
                last = Some((redis::ErrorKind::Io, "a sentinel did not answer in time").into());
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        (
            redis::ErrorKind::EmptySentinelList,
            "the URL names no sentinel",
        )
            .into()
    }))
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
            Place::Sentinels { addresses, master } => {
                let hosts: Vec<String> = addresses
                    .iter()
                    .map(|(host, port)| format!("{host}:{port}"))
                    .collect();
                write!(
                    f,
                    "redis-sentinel://{}/{master}/{}",
                    hosts.join(","),
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
