//! The tests' own foundations, tested: a fault that does not happen makes every test built on it
//! pass for nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use cache_tests::{
    ChildProcess, Fault, FaultProxy, FreePort, RedisCluster, RedisServer, Resp, RespClient,
    SentinelSet, eventually, wait_until,
};

/// For what has to happen.
const SOON: Duration = Duration::from_secs(10);

/// For what must not happen: long beside a loopback round trip, short beside a test.
const WHILE: Duration = Duration::from_millis(200);

fn client(address: std::net::SocketAddr) -> RespClient {
    RespClient::tcp(address, SOON).expect("a connection")
}

mod redis_server {
    use super::*;

    #[test]
    fn a_server_answers_and_is_gone_after_drop() {
        let server = RedisServer::start();
        let (address, directory) = (server.address(), server.directory().to_owned());
        assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
        assert_eq!(client(address).call(&["PING"]).unwrap().str(), "PONG");
        assert_eq!(server.cli(&["SET", "k", "a\r\nb"]).str(), "OK");
        assert_eq!(server.cli(&["GET", "k"]).bytes(), b"a\r\nb");
        assert!(server.cli(&["GET", "none"]).is_nil());
        assert_eq!(server.cli(&["INCR", "n"]).int(), 1);
        assert_eq!(server.keys(), ["k", "n"]);
        assert!(
            server
                .try_cli(&["LPUSH", "k", "x"])
                .unwrap()
                .error()
                .unwrap()
                .starts_with("WRONGTYPE")
        );

        drop(server);
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert!(!directory.exists());
    }

    #[test]
    fn a_killed_server_comes_back_on_its_port_and_empty() {
        let server = RedisServer::start();
        let _ = server.cli(&["SET", "k", "v"]);
        let (port, pid, run) = (server.port(), server.pid(), server.info("run_id"));

        server.kill9();
        assert!(!server.is_running());
        assert!(!server.answers(WHILE));
        assert!(TcpStream::connect(server.address()).is_err());

        server.restart();
        assert_eq!(server.port(), port);
        assert_eq!(
            client(server.address()).call(&["PING"]).unwrap().str(),
            "PONG"
        );
        assert_ne!(server.pid(), pid);
        assert_ne!(server.info("run_id"), run);
        assert!(server.keys().is_empty());
    }

    #[test]
    fn snapshots_bring_back_what_was_saved_and_nothing_later() {
        let server = RedisServer::builder().snapshots().start();
        let _ = server.cli(&["SET", "saved", "1"]);
        server.save();
        let _ = server.cli(&["SET", "late", "1"]);
        server.kill9();
        server.restart();
        assert_eq!(server.keys(), ["saved"]);

        let _ = server.cli(&["SET", "late", "1"]);
        server.stop_graceful();
        assert!(!server.is_running());
        server.restart();
        assert_eq!(server.keys(), ["late", "saved"]);
    }

    #[test]
    fn without_snapshots_a_graceful_stop_keeps_nothing() {
        let server = RedisServer::start();
        let _ = server.cli(&["SET", "k", "v"]);
        // A file of this kind is also what replication leaves.
        let _ = server.cli(&["SAVE"]);
        server.stop_graceful();
        server.restart();
        assert!(server.keys().is_empty());
    }

    #[test]
    fn a_frozen_server_is_silent_until_it_is_thawed() {
        let server = RedisServer::start();
        let mut waiting = client(server.address());
        server.freeze();
        assert!(server.is_running());
        assert!(!server.answers(WHILE));
        let mut other = RespClient::tcp(server.address(), WHILE).expect("the system still accepts");
        assert!(other.call(&["PING"]).is_err());
        waiting.send(&["PING"]).unwrap();

        server.thaw();
        assert_eq!(waiting.read().unwrap().str(), "PONG");
        assert!(server.answers(SOON));
    }

    #[test]
    fn a_server_can_be_expected_before_it_starts() {
        let server = RedisServer::builder().stopped();
        assert!(TcpStream::connect(server.address()).is_err());
        server.restart();
        assert_eq!(
            client(server.address()).call(&["PING"]).unwrap().str(),
            "PONG"
        );
    }

    #[test]
    fn a_given_port_is_used() {
        let port = FreePort::reserve();
        let server = RedisServer::builder().port(port.number()).start();
        assert_eq!(server.port(), port.number());
        assert!(server.url().ends_with(&format!(":{}", port.number())));
        assert_eq!(
            client(port.address()).call(&["PING"]).unwrap().str(),
            "PONG"
        );
    }

    #[test]
    fn a_password_is_demanded_and_spelled_in_the_url() {
        let server = RedisServer::builder().password("p@ss \"word\"").start();
        let mut stranger = client(server.address());
        assert!(
            stranger
                .call(&["GET", "k"])
                .unwrap()
                .error()
                .unwrap()
                .starts_with("NOAUTH")
        );
        assert_eq!(
            stranger.call(&["AUTH", "p@ss \"word\""]).unwrap().str(),
            "OK"
        );
        assert!(stranger.call(&["GET", "k"]).unwrap().is_nil());
        assert_eq!(
            server.url(),
            format!("redis://:p%40ss%20%22word%22@127.0.0.1:{}", server.port())
        );
        // The tests' own questions go around it.
        assert!(server.keys().is_empty());
    }

    #[test]
    fn users_may_do_what_their_rules_say() {
        let server = RedisServer::builder()
            .acl("app", "secret", "~app:* +@all")
            .start();
        let mut app = client(server.address());
        assert_eq!(app.call(&["AUTH", "app", "secret"]).unwrap().str(), "OK");
        assert_eq!(app.call(&["SET", "app:1", "v"]).unwrap().str(), "OK");
        assert!(
            app.call(&["SET", "other", "v"])
                .unwrap()
                .error()
                .unwrap()
                .starts_with("NOPERM")
        );
        assert_eq!(
            server.url_as("app", "secret"),
            format!("redis://app:secret@127.0.0.1:{}", server.port())
        );
    }

    #[test]
    fn tls_answers_those_who_trust_its_authority_and_nobody_else() {
        let server = RedisServer::builder().tls().start();
        assert!(server.url().starts_with("rediss://127.0.0.1:"));
        let mut trusting = RespClient::tls(server.address(), server.ca(), SOON).unwrap();
        assert_eq!(trusting.call(&["PING"]).unwrap().str(), "PONG");

        let other = RedisServer::builder().tls().stopped();
        assert!(RespClient::tls(server.address(), other.ca(), SOON).is_err());
        let plain = client(server.address()).call(&["PING"]);
        assert!(plain.is_err(), "{plain:?}");
    }

    #[test]
    fn a_unix_socket_server_has_no_port() {
        let server = RedisServer::builder().unix_socket().start();
        let path = server.url();
        let path = Path::new(path.strip_prefix("unix://").unwrap());
        assert_eq!(
            RespClient::unix(path, SOON)
                .unwrap()
                .call(&["PING"])
                .unwrap()
                .str(),
            "PONG"
        );
        assert!(TcpStream::connect(server.address()).is_err());
    }

    #[test]
    fn settings_of_ones_own_are_taken() {
        let server = RedisServer::builder()
            .config("maxmemory", "2mb")
            .config("maxmemory-policy", "allkeys-lru")
            .start();
        assert_eq!(
            server.cli(&["CONFIG", "GET", "maxmemory"]).strings(),
            ["maxmemory", "2097152"]
        );
        assert_eq!(server.info("maxmemory").as_deref(), Some("2097152"));
    }

    #[test]
    fn commands_are_counted() {
        let server = RedisServer::start();
        server.reset_stats();
        for _ in 0..3 {
            let _ = server.cli(&["GET", "k"]);
        }
        let stats = server.commandstats();
        assert_eq!(stats.get("get"), Some(&3));
        assert_eq!(stats.get("set"), None);
        server.reset_stats();
        assert_eq!(server.commandstats().get("get"), None);
    }

    #[test]
    #[should_panic(expected = "Bad directive or wrong number of arguments")]
    fn a_server_that_cannot_start_says_why() {
        let _ = RedisServer::builder()
            .config("no-such-setting", "1")
            .start();
    }
}

mod topologies {
    use super::*;

    #[test]
    fn sentinels_promote_the_replica_on_demand_and_on_death() {
        let set = SentinelSet::start(3);
        assert_eq!(set.sentinel_urls().len(), 3);
        let first = set.master().port();
        let _ = set.master().cli(&["SET", "k", "v"]);
        wait_until(SOON, "the replica to have the key", || {
            (set.replica().keys() == ["k"]).then_some(())
        });

        let second = set.failover().port();
        assert_ne!(second, first);
        assert_eq!(set.replica().port(), first);
        assert_eq!(set.await_replica().port(), first);

        let third = set.kill_master().port();
        assert_eq!(third, first);
        assert_eq!(set.master().cli(&["GET", "k"]).str(), "v");

        set.servers()
            .iter()
            .find(|server| !server.is_running())
            .unwrap()
            .restart();
        assert_eq!(set.await_replica().port(), second);
        assert_eq!(set.await_replica().keys(), ["k"]);
    }

    #[test]
    fn one_sentinel_is_enough_for_a_failover() {
        let set = SentinelSet::start(1);
        let before = set.master().port();
        assert_ne!(set.failover().port(), before);
    }

    #[test]
    fn a_cluster_serves_all_slots_and_survives_a_restarted_node() {
        let cluster = RedisCluster::start();
        assert_eq!(cluster.urls().len(), 3);
        for key in ["a", "b", "c", "d"] {
            assert_eq!(cluster.node_of(key).cli(&["SET", key, "v"]).str(), "OK");
        }
        assert_eq!(cluster.keys(), ["a", "b", "c", "d"]);
        let elsewhere = cluster
            .nodes()
            .iter()
            .find(|node| node.port() != cluster.node_of("a").port());
        let moved = elsewhere.unwrap().try_cli(&["GET", "a"]).unwrap();
        assert!(moved.error().unwrap().starts_with("MOVED"));

        cluster.node_of("a").kill9();
        cluster.node_of("a").restart();
        cluster.await_ok();
        assert!(cluster.node_of("a").cli(&["GET", "a"]).is_nil());
    }
}

mod fault_proxy {
    use super::*;

    /// A server, a proxy, and a connection through it that has worked.
    fn connected() -> (RedisServer, FaultProxy, RespClient) {
        let server = RedisServer::start();
        let proxy = FaultProxy::in_front_of(&server);
        let mut client = RespClient::tcp(proxy.address(), WHILE).unwrap();
        assert_eq!(client.call(&["PING"]).unwrap().str(), "PONG");
        (server, proxy, client)
    }

    #[test]
    fn bytes_pass_and_are_counted() {
        let (_server, proxy, mut client) = connected();
        let (before, answered) = (proxy.bytes_to_server(), proxy.bytes_to_client());
        let big = vec![7_u8; 1 << 20];
        assert_eq!(
            client
                .call(&[b"SET", b"big".as_slice(), &big])
                .unwrap()
                .str(),
            "OK"
        );
        assert_eq!(client.call(&["GET", "big"]).unwrap().bytes(), big);
        assert!(proxy.bytes_to_server() - before > 1 << 20);
        assert!(proxy.bytes_to_client() - answered > 1 << 20);
        assert_eq!((proxy.connections(), proxy.live()), (1, 1));
        drop(client);
        wait_until(SOON, "the connection to end", || {
            (proxy.live() == 0).then_some(())
        });
        assert_eq!(proxy.connections(), 1);
    }

    #[test]
    fn a_delay_delays_both_ways_and_commands_together() {
        let (_server, proxy, _) = connected();
        let mut client = RespClient::tcp(proxy.address(), SOON).unwrap();
        proxy.set(Fault::Delay(Duration::from_millis(50)));
        let started = Instant::now();
        for _ in 0..10 {
            client.send(&["PING"]).unwrap();
        }
        for _ in 0..10 {
            assert_eq!(client.read().unwrap().str(), "PONG");
        }
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(100), "{took:?}");
        assert!(
            took < Duration::from_millis(900),
            "one after the other: {took:?}"
        );
    }

    #[test]
    fn a_throttle_takes_its_time() {
        let (_server, proxy, _) = connected();
        let mut client = RespClient::tcp(proxy.address(), SOON).unwrap();
        proxy.set(Fault::Throttle(50_000));
        let started = Instant::now();
        client
            .call(&[b"SET", b"k".as_slice(), &[7; 10_000]])
            .unwrap();
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(150), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[test]
    fn a_stall_holds_what_is_sent_and_lets_it_through_in_the_end() {
        let (server, proxy, mut client) = connected();
        proxy.set(Fault::Stall);
        assert!(client.call(&["SET", "k", "v"]).is_err());
        assert!(server.keys().is_empty());
        proxy.up();
        wait_until(SOON, "the command to arrive", || {
            (server.keys() == ["k"]).then_some(())
        });
        assert_eq!(client.read().unwrap().str(), "OK");
    }

    #[test]
    fn a_black_hole_swallows_and_never_gives_back() {
        let (server, proxy, mut client) = connected();
        let mut idle = RespClient::tcp(proxy.address(), SOON).unwrap();
        assert_eq!(idle.call(&["PING"]).unwrap().str(), "PONG");
        proxy.set(Fault::BlackHole);
        assert!(client.call(&["SET", "k", "v"]).is_err());
        let mut fresh = RespClient::tcp(proxy.address(), WHILE).expect("connections are accepted");
        assert!(fresh.call(&["PING"]).is_err());
        assert_eq!(proxy.live(), 3);

        proxy.up();
        // Those that lost bytes break, the one that lost none goes on.
        wait_until(SOON, "broken connections to end", || {
            (proxy.live() == 1).then_some(())
        });
        assert!(client.call(&["PING"]).is_err());
        assert_eq!(idle.call(&["PING"]).unwrap().str(), "PONG");
        assert!(server.keys().is_empty());
    }

    #[test]
    fn a_hole_to_the_server_still_lets_answers_out() {
        let (server, proxy, _) = connected();
        let mut listener = RespClient::tcp(proxy.address(), SOON).unwrap();
        let subscribed = listener.call(&["SUBSCRIBE", "news"]).unwrap();
        assert_eq!(subscribed.array()[2].int(), 1);
        let mut client = RespClient::tcp(proxy.address(), WHILE).unwrap();
        assert_eq!(client.call(&["PING"]).unwrap().str(), "PONG");

        proxy.set(Fault::HoleToServer);
        assert!(client.call(&["SET", "k", "v"]).is_err());
        assert!(server.keys().is_empty());
        assert_eq!(server.cli(&["PUBLISH", "news", "heard"]).int(), 1);
        assert_eq!(listener.read().unwrap().array()[2].str(), "heard");
    }

    #[test]
    fn a_hole_to_the_client_lets_commands_take_effect_unheard() {
        let (server, proxy, mut client) = connected();
        proxy.set(Fault::HoleToClient);
        assert!(client.call(&["SET", "k", "v"]).is_err());
        assert_eq!(server.keys(), ["k"]);
    }

    #[test]
    fn refusing_closes_the_port_but_not_the_connections() {
        let (_server, proxy, mut client) = connected();
        proxy.set(Fault::Refuse);
        let refused = TcpStream::connect(proxy.address()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(client.call(&["PING"]).unwrap().str(), "PONG");

        proxy.cut_all();
        assert_eq!(proxy.live(), 0);
        assert!(client.call(&["PING"]).is_err());
        proxy.up();
        let mut again = RespClient::tcp(proxy.address(), SOON).unwrap();
        assert_eq!(again.call(&["PING"]).unwrap().str(), "PONG");
    }

    #[test]
    fn closing_at_once_accepts_first() {
        let (_server, proxy, _client) = connected();
        proxy.set(Fault::CloseAtOnce);
        let mut stream = TcpStream::connect(proxy.address()).expect("accepted");
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut byte = [0];
        assert!(matches!(stream.read(&mut byte), Ok(0)));
    }

    #[test]
    fn a_cut_is_a_reset_and_spares_later_connections() {
        let (_server, proxy, _client) = connected();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let mut pong = [0; 7];
        stream.read_exact(&mut pong).unwrap();
        proxy.cut_all();
        assert_eq!(proxy.live(), 0);
        assert_eq!(
            stream.read(&mut pong).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        let mut later = RespClient::tcp(proxy.address(), SOON).unwrap();
        assert_eq!(later.call(&["PING"]).unwrap().str(), "PONG");
    }

    #[test]
    fn a_dead_server_behind_it_ends_connections() {
        let (server, proxy, mut client) = connected();
        server.kill9();
        assert!(client.call(&["PING"]).is_err());
        let mut fresh = RespClient::tcp(proxy.address(), SOON).expect("the proxy accepts");
        assert!(fresh.call(&["PING"]).is_err());
        server.restart();
        let mut again = RespClient::tcp(proxy.address(), SOON).unwrap();
        assert_eq!(again.call(&["PING"]).unwrap().str(), "PONG");
    }

    #[test]
    fn it_ends_with_its_handle() {
        let (_server, proxy, mut client) = connected();
        let address = proxy.address();
        drop(proxy);
        assert!(client.call(&["PING"]).is_err());
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn its_url_carries_the_servers_credentials() {
        let server = RedisServer::builder().password("secret").start();
        let proxy = FaultProxy::in_front_of(&server);
        assert_eq!(
            proxy.url(),
            format!("redis://:secret@127.0.0.1:{}", proxy.listen_port())
        );
    }
}

mod waiting {
    use super::*;

    #[tokio::test]
    async fn eventually_returns_what_was_found() {
        let mut calls = 0;
        let found = eventually(SOON, "the third call", async || {
            calls += 1;
            (calls == 3).then_some("found")
        });
        assert_eq!(found.await, "found");
        assert_eq!(calls, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "still waiting for: a flag that nobody raises")]
    async fn eventually_says_what_it_waited_for() {
        eventually(WHILE, "a flag that nobody raises", async || None::<()>).await;
    }

    #[tokio::test]
    #[should_panic(expected = "support_self.rs")]
    async fn eventually_ends_a_probe_that_hangs_and_says_where() {
        eventually(WHILE, "nothing", async || {
            std::future::pending::<Option<()>>().await
        })
        .await;
    }

    #[test]
    #[should_panic(expected = "still waiting for: nothing")]
    fn wait_until_says_what_it_waited_for() {
        wait_until(WHILE, "nothing", || None::<()>);
    }
}

mod child_process {
    use super::*;

    fn shell(script: &str) -> ChildProcess {
        ChildProcess::builder("/bin/sh")
            .arg("-c")
            .arg(script)
            .env("GREETING", "hello")
            .spawn()
    }

    #[test]
    fn lines_come_one_by_one_and_input_goes_in() {
        let mut child = shell("echo noise; echo $GREETING; read word; echo got $word");
        assert_eq!(
            child.line_where(SOON, "a greeting", |line| line == "hello"),
            "hello"
        );
        child.send("it");
        assert_eq!(child.line(SOON), "got it");
        assert!(child.wait(SOON).success());
        assert!(child.lines_so_far().is_empty());
    }

    #[test]
    fn a_killed_child_is_gone() {
        let mut child = shell("echo up; exec sleep 600");
        let _ = child.line(SOON);
        let pid = child.pid();
        assert!(is_alive(pid));
        assert!(!child.kill9().success());
        assert!(!is_alive(pid));

        let child = shell("echo up; exec sleep 600");
        let _ = child.line(SOON);
        let pid = child.pid();
        drop(child);
        assert!(!is_alive(pid));
    }

    #[test]
    fn a_frozen_child_goes_on_when_thawed() {
        let mut child = shell("echo up; read word; echo $word");
        let _ = child.line(SOON);
        child.freeze();
        child.send("late");
        assert!(child.lines_so_far().is_empty());
        child.thaw();
        assert_eq!(child.line(SOON), "late");
    }

    #[test]
    fn a_terminated_child_ends_by_itself() {
        let mut child =
            shell("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done");
        let _ = child.line(SOON);
        child.terminate();
        assert_eq!(child.line(SOON), "bye");
        assert_eq!(child.wait(SOON).code(), Some(3));
    }

    #[test]
    #[should_panic(expected = "its output ended before a line: a greeting; had [\"noise\"]")]
    fn a_missing_line_is_told_with_what_came_instead() {
        let _ = shell("echo noise").line_where(SOON, "a greeting", |line| line == "hello");
    }

    /// Asked by a signal that does nothing.
    fn is_alive(pid: u32) -> bool {
        let mut kill = std::process::Command::new("kill");
        let status = kill
            .args(["-0", &pid.to_string()])
            .stderr(std::process::Stdio::null())
            .status();
        status.expect("a `kill` program").success()
    }
}

mod ports {
    use super::*;

    #[test]
    fn reserved_ports_differ_and_nobody_listens() {
        let ports: Vec<_> = (0..50).map(|_| FreePort::reserve()).collect();
        let mut numbers: Vec<_> = ports.iter().map(FreePort::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len());
        assert!(TcpStream::connect(ports[0].address()).is_err());
    }
}

mod replies {
    use super::*;

    #[test]
    #[should_panic(expected = "expected a number, got Nil")]
    fn a_wrong_kind_is_shown() {
        let _ = Resp::Nil.int();
    }
}
