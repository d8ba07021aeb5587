//! A master, its replica, and the sentinels that watch them.

use std::time::Duration;

use crate::eventually::wait_until;
use crate::redis_builder::RedisBuilder;
use crate::redis_server::RedisServer;
use crate::resp::Resp;

/// How long the group may take to find itself, or to change its master.
const PATIENCE: Duration = Duration::from_secs(40);

/// A master silent for this long is down. Short, as tests wait for it; not shorter, as a busy
/// machine makes a healthy server late.
const DOWN_AFTER: &str = "2000";

/// Twice this long after a failover, sentinels do not start another: a test may want two.
const FAILOVER_TIMEOUT: &str = "3000";

/// Two data servers and one to three sentinels, all of them killed with this handle.
#[derive(Debug)]
pub struct SentinelSet {
    servers: [RedisServer; 2],
    sentinels: Vec<RedisServer>,
}

/// How the servers of a group are started, and how they let each other in.
#[derive(Clone, Debug, Default)]
pub struct SentinelSettings {
    /// For the data servers.
    pub server: RedisBuilder,
    /// For the sentinels.
    pub sentinel: RedisBuilder,
    /// The password of the data servers' default user. Replicas and sentinels use it, too.
    pub password: Option<String>,
    /// The password of the sentinels' default user.
    pub sentinel_password: Option<String>,
}

impl SentinelSet {
    /// The name the sentinels know the master by.
    pub const MASTER_NAME: &'static str = "mymaster";

    /// Starts the group and waits until every sentinel knows the replica and its fellows.
    ///
    /// # Panics
    ///
    /// If `sentinels` is not 1, 2 or 3, or the group does not come together.
    #[must_use]
    #[track_caller]
    pub fn start(sentinels: usize) -> Self {
        Self::start_with(sentinels, &SentinelSettings::default())
    }

    /// The same with other settings.
    ///
    /// # Panics
    ///
    /// If `sentinels` is not 1, 2 or 3, or the group does not come together.
    #[must_use]
    #[track_caller]
    pub fn start_with(sentinels: usize, settings: &SentinelSettings) -> Self {
        assert!((1..=3).contains(&sentinels), "one to three sentinels");
        let quick = || {
            let server = settings.server.clone();
            let server = server.config("repl-diskless-sync-delay", "0");
            match &settings.password {
                Some(password) => server.password(password).config("masterauth", password),
                None => server,
            }
        };
        let master = quick().start();
        let replica = quick().config("replicaof", &address(master.port())).start();
        wait_until(PATIENCE, "the replica to follow its master", || {
            let link = replica.info("master_link_status");
            (link.as_deref() == Some("up")).then_some(())
        });

        let name = Self::MASTER_NAME;
        let quorum = sentinels / 2 + 1;
        let watched = format!("monitor {name} {} {quorum}", address(master.port()));
        let sentinels = (0..sentinels)
            .map(|_| {
                let mut sentinel = settings.sentinel.clone().sentinel();
                if let Some(password) = &settings.sentinel_password {
                    sentinel = sentinel.password(password);
                }
                sentinel = sentinel.config("sentinel", &watched);
                if let Some(password) = &settings.password {
                    sentinel = sentinel.config("sentinel", &format!("auth-pass {name} {password}"));
                }
                let sentinel = sentinel
                    .config(
                        "sentinel",
                        &format!("down-after-milliseconds {name} {DOWN_AFTER}"),
                    )
                    .config(
                        "sentinel",
                        &format!("failover-timeout {name} {FAILOVER_TIMEOUT}"),
                    )
                    .start();
                // Roles are asked for every ten seconds, and half of a failover waits for the
                // next time. Servers before 7.0 cannot be hurried; there it just takes longer.
                let _ = sentinel.try_cli(&["SENTINEL", "DEBUG", "INFO-PERIOD", "500"]);
                sentinel
            })
            .collect();
        let set = Self {
            servers: [master, replica],
            sentinels,
        };
        wait_until(PATIENCE, "the sentinels to know the group", || {
            set.is_settled().then_some(())
        });
        set
    }

    /// One URL a sentinel.
    #[must_use]
    pub fn sentinel_urls(&self) -> Vec<String> {
        self.sentinels.iter().map(RedisServer::url).collect()
    }

    /// The sentinels.
    #[must_use]
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// The two data servers, whatever their roles are now.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer; 2] {
        &self.servers
    }

    /// The server that the sentinels name as the master now; it may be dead.
    #[must_use]
    #[track_caller]
    pub fn master(&self) -> &RedisServer {
        let port = self.master_port();
        self.servers
            .iter()
            .find(|server| server.port() == port)
            .expect("one of the two servers")
    }

    /// The other one.
    #[must_use]
    #[track_caller]
    pub fn replica(&self) -> &RedisServer {
        let port = self.master_port();
        self.servers
            .iter()
            .find(|server| server.port() != port)
            .expect("one of the two servers")
    }

    /// Makes the sentinels swap master and replica, both alive, and waits until the new master
    /// says that it is one. Returns it.
    ///
    /// # Panics
    ///
    /// If they have not done so in time.
    #[track_caller]
    pub fn failover(&self) -> &RedisServer {
        let before = self.master_port();
        wait_until(PATIENCE, "a sentinel to accept the failover", || {
            // Refused while the group still settles after an earlier one.
            let reply = self.sentinels[0].try_cli(&["SENTINEL", "FAILOVER", Self::MASTER_NAME]);
            matches!(reply, Ok(Resp::Status(_))).then_some(())
        });
        self.await_master_other_than(before)
    }

    /// Kills the master with `SIGKILL` and waits until the sentinels have promoted the replica.
    /// Returns the new master.
    ///
    /// # Panics
    ///
    /// If they have not done so in time.
    #[track_caller]
    pub fn kill_master(&self) -> &RedisServer {
        let before = self.master_port();
        self.master().kill9();
        self.await_master_other_than(before)
    }

    /// Makes the server that is not the master follow it, waits until it does, and returns it:
    /// after a failover, or after the return of a dead master. The sentinels would do the same,
    /// eight seconds later; until then there are two masters, which a test may want to see.
    ///
    /// # Panics
    ///
    /// If it takes too long.
    #[track_caller]
    pub fn await_replica(&self) -> &RedisServer {
        wait_until(PATIENCE, "the other server to follow the master", || {
            let (replica, port) = (self.replica(), self.master_port().to_string());
            let is = |field: &str, value: &str| replica.info(field).as_deref() == Some(value);
            if !is("master_port", &port) {
                let _ = replica.try_cli(&["REPLICAOF", "127.0.0.1", &port]);
            }
            (is("master_port", &port) && is("master_link_status", "up")).then_some(())
        });
        self.replica()
    }

    #[track_caller]
    fn await_master_other_than(&self, before: u16) -> &RedisServer {
        wait_until(PATIENCE, "the sentinels to name another master", || {
            let all = self
                .sentinels
                .iter()
                .all(|one| port_of_master(one) != Some(before));
            let is_master = || self.master().info("role").as_deref() == Some("master");
            (all && is_master()).then_some(())
        });
        self.master()
    }

    #[track_caller]
    fn master_port(&self) -> u16 {
        port_of_master(&self.sentinels[0]).expect("a sentinel that knows the master")
    }

    fn is_settled(&self) -> bool {
        self.sentinels.iter().all(|sentinel| {
            let known = |what| sentinel.cli(&["SENTINEL", what, Self::MASTER_NAME]);
            let replicas = known("REPLICAS");
            let healthy = replicas.array().first().is_some_and(|replica| {
                let fields = replica.strings();
                let value = |name: &str| {
                    fields
                        .chunks(2)
                        .find(|pair| pair[0] == name)
                        .map(|pair| pair[1].as_str())
                };
                // A failover picks its candidate by both.
                value("flags") == Some("slave") && value("master-link-status") == Some("ok")
            });
            healthy && known("SENTINELS").array().len() + 1 == self.sentinels.len()
        })
    }
}

fn port_of_master(sentinel: &RedisServer) -> Option<u16> {
    let question = [
        "SENTINEL",
        "GET-MASTER-ADDR-BY-NAME",
        SentinelSet::MASTER_NAME,
    ];
    let reply = sentinel.try_cli(&question).ok()?;
    reply.strings().get(1)?.parse().ok()
}

fn address(port: u16) -> String {
    format!("127.0.0.1 {port}")
}
