//! How a server is to be started.

use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::certificates::Certificates;

/// The user that the tests' own questions are asked as where the server wants one named. A server
/// that locks everybody else out still answers them.
pub(crate) const CONTROL_USER: &str = "test-control";

/// The socket, inside the server's directory, that those questions go through. It works whatever
/// the port is made to suffer.
pub(crate) const CONTROL_SOCKET: &str = "control.sock";

/// Settings of a [`RedisServer`](crate::RedisServer); its `start` is beside the server.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RedisBuilder {
    pub(crate) port: Option<u16>,
    pub(crate) password: Option<String>,
    pub(crate) tls: bool,
    pub(crate) certificates: Option<Certificates>,
    wants_certificates: bool,
    pub(crate) unix: bool,
    pub(crate) snapshots: bool,
    pub(crate) sentinel: bool,
    /// All of a cluster.
    pub(crate) whole_cluster: bool,
    users: Vec<(String, String, String)>,
    directives: Vec<(String, String)>,
}

impl RedisBuilder {
    /// Demands this password of the default user.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Adds a user with a password and ACL rules, `~app:* +@all` for example.
    pub fn acl(mut self, user: &str, password: &str, rules: &str) -> Self {
        self.users
            .push((user.to_owned(), password.to_owned(), rules.to_owned()));
        self
    }

    /// Speaks TLS on its port, with a certificate from an authority of its own.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Speaks TLS on its port and to other servers, with these files.
    pub fn tls_with(mut self, certificates: &Certificates) -> Self {
        self.tls = true;
        self.certificates = Some(certificates.clone());
        self
    }

    /// Lets in only clients that show a certificate.
    pub fn client_certificates(mut self) -> Self {
        self.wants_certificates = true;
        self
    }

    /// Listens on a Unix socket and on no port.
    pub fn unix_socket(mut self) -> Self {
        self.unix = true;
        self
    }

    /// Keeps the data over a restart as far as it was saved: by `save`, by a graceful stop, or by
    /// save points of your own. Without this every start is an empty server.
    pub fn snapshots(mut self) -> Self {
        self.snapshots = true;
        self
    }

    /// Listens on this port. The caller sees to it that it is free; a
    /// [`FreePort`](crate::FreePort) does.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Any line of `redis.conf`. The value stands as it is: quote it where it holds spaces that
    /// are meant.
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.directives.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One node of a cluster; the caller gives it slots.
    pub(crate) fn node(self) -> Self {
        self.config("cluster-enabled", "yes")
            .config("cluster-config-file", "nodes.conf")
    }

    /// A cluster of one node that serves every slot, where [`over_clusters`] asks for one and the server can be one.
    pub(crate) fn into_asked_for(self) -> Self {
        let is_node = self
            .directives
            .iter()
            .any(|(name, _)| name == "cluster-enabled");
        let excluded = is_node || self.sentinel || self.unix;
        if excluded || !over_clusters() {
            return self;
        }
        Self {
            whole_cluster: true,
            // Clients go on at the address where they are: that of a proxy, perhaps.
            ..self
                .node()
                .config("cluster-preferred-endpoint-type", "unknown-endpoint")
        }
    }

    pub(crate) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Whether the control connection has to say who it is.
    pub(crate) fn has_users(&self) -> bool {
        self.password.is_some() || !self.users.is_empty()
    }

    /// The text of `redis.conf`. Paths in it are relative to the directory the server starts in.
    pub(crate) fn render(&self, port: u16, certificates: Option<&Certificates>) -> String {
        let mut lines = String::new();
        let mut line = |name: &str, value: &str| {
            writeln!(lines, "{name} {value}").expect("a String takes any text");
        };
        line("bind", "127.0.0.1");
        line("unixsocket", CONTROL_SOCKET);
        line("save", "\"\"");
        line("appendonly", "no");
        line("daemonize", "no");
        let plain = if self.tls || self.unix { 0 } else { port };
        line("port", &plain.to_string());
        if let Some(files) = certificates {
            line("tls-port", &port.to_string());
            line(
                "tls-cert-file",
                &quoted(&files.certificate().to_string_lossy()),
            );
            line("tls-key-file", &quoted(&files.key().to_string_lossy()));
            line("tls-ca-cert-file", &quoted(&files.ca().to_string_lossy()));
            line(
                "tls-auth-clients",
                if self.wants_certificates { "yes" } else { "no" },
            );
            if self.certificates.is_some() {
                line("tls-replication", "yes");
            }
        }
        if let Some(password) = &self.password {
            line("requirepass", &quoted(password));
        }
        for (user, password, rules) in &self.users {
            line(
                "user",
                &format!("{user} on {} {rules}", quoted(&format!(">{password}"))),
            );
        }
        if self.has_users() {
            line("user", &format!("{CONTROL_USER} on nopass ~* &* +@all"));
        }
        for (name, value) in &self.directives {
            line(name, value);
        }
        lines
    }
}

/// Whether tests that start a plain server are to have a Redis Cluster of one node (Redis 7 or later) in its place:
/// `CACHE_TESTS_SERVERS=cluster`. What holds for one server must hold for a cluster as well.
#[must_use]
pub fn over_clusters() -> bool {
    env::var_os("CACHE_TESTS_SERVERS").is_some_and(|servers| servers == "cluster")
}

/// The server program: `REDIS_SERVER_BIN`, else the first of its names on `PATH`.
///
/// # Panics
///
/// If there is none, saying how to get one.
pub(crate) fn server_program() -> PathBuf {
    if let Some(program) = env::var_os("REDIS_SERVER_BIN") {
        return program.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    ["redis-server", "valkey-server"]
        .into_iter()
        .flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|program| is_file(program))
        .unwrap_or_else(|| {
            panic!(
                "these tests need a redis-server and found none on PATH: install it with the system's package manager \
                 (`redis-server`, `redis` or `valkey`), or point REDIS_SERVER_BIN at one"
            )
        })
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// A word in the double quotes of `redis.conf`.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::RedisBuilder;

    #[test]
    fn own_directives_come_last_and_win() {
        let conf = RedisBuilder::default()
            .config("save", "900 1")
            .render(7, None);
        assert!(conf.find("save \"\"").unwrap() < conf.find("save 900 1").unwrap());
        assert!(conf.contains("port 7\n"));
    }

    #[test]
    fn passwords_may_hold_anything() {
        let conf = RedisBuilder::default()
            .password(r#"p "w\"#)
            .acl("app", "x y", "~app:* +@all")
            .render(7, None);
        assert!(conf.contains(r#"requirepass "p \"w\\""#));
        assert!(conf.contains(r#"user app on ">x y" ~app:* +@all"#));
        assert!(conf.contains("user test-control on nopass"));
    }
}
