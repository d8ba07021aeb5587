//! One server: its kinds, its deaths and its returns.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;

use cache_tests::{FreePort, RedisServer, Resp, RespClient};

use crate::{SOON, WHILE, client};

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
    server.cli(&["SET", "k", "v"]);
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
    server.cli(&["SET", "saved", "1"]);
    server.save();
    server.cli(&["SET", "late", "1"]);
    server.kill9();
    server.restart();
    assert_eq!(server.keys(), ["saved"]);

    server.cli(&["SET", "late", "1"]);
    server.stop_graceful();
    assert!(!server.is_running());
    server.restart();
    assert_eq!(server.keys(), ["late", "saved"]);
}

#[test]
fn without_snapshots_a_graceful_stop_keeps_nothing() {
    let server = RedisServer::start();
    server.cli(&["SET", "k", "v"]);
    // A file of this kind is also what replication leaves.
    server.cli(&["SAVE"]);
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
        server.cli(&["GET", "k"]);
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

#[test]
fn reserved_ports_differ_and_nobody_listens() {
    let ports: Vec<_> = (0..50).map(|_| FreePort::reserve()).collect();
    let mut numbers: Vec<_> = ports.iter().map(FreePort::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), ports.len());
    assert!(TcpStream::connect(ports[0].address()).is_err());
}

#[test]
#[should_panic(expected = "expected a number, got Nil")]
fn a_wrong_kind_is_shown() {
    let _ = Resp::Nil.int();
}
