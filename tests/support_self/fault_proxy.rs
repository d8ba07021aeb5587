//! Each fault does what it says.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cache_tests::{Fault, FaultProxy, RedisServer, RespClient, wait_until};

use crate::{SOON, WHILE, client};

/// A server, a proxy, and a connection through it that has worked.
fn connected() -> (RedisServer, FaultProxy, RespClient) {
    let server = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&server);
    let client = through(&proxy);
    (server, proxy, client)
}

fn through(proxy: &FaultProxy) -> RespClient {
    let mut client = client(proxy.address());
    assert_eq!(client.call(&["PING"]).unwrap().str(), "PONG");
    client
}

fn hears_nothing(client: &mut RespClient, command: &[&str]) {
    client.set_timeout(WHILE).unwrap();
    let heard = client.call(command);
    assert!(heard.is_err(), "{heard:?}");
    client.set_timeout(SOON).unwrap();
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
    let (_server, proxy, mut client) = connected();
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
fn a_round_trip_is_the_least_that_an_answer_takes_and_faults_come_on_top() {
    let (_server, proxy, mut client) = connected();
    let mut took = || {
        let started = Instant::now();
        client.call(&["PING"]).unwrap();
        started.elapsed()
    };
    proxy.set_round_trip(Duration::from_millis(40));
    let near = took();
    assert!(near >= Duration::from_millis(40), "{near:?}");
    proxy.set(Fault::Delay(Duration::from_millis(50)));
    let far = took();
    assert!(far >= Duration::from_millis(140), "{far:?}");
    proxy.set(Fault::Pass);
    let near = took();
    assert!(near >= Duration::from_millis(40), "{near:?}");
    proxy.set_round_trip(Duration::ZERO);
    wait_until(SOON, "an answer at once", || {
        (took() < Duration::from_millis(40)).then_some(())
    });
}

#[test]
fn a_throttle_takes_its_time() {
    let (_server, proxy, mut client) = connected();
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
fn a_throttle_of_answers_lets_commands_pass() {
    let (_server, proxy, mut client) = connected();
    proxy.set(Fault::ThrottleToClient(50_000));
    let started = Instant::now();
    let value = vec![7; 1 << 20];
    client.call(&[b"SET", b"k".as_slice(), &value]).unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "a megabyte, at 50 kB a second"
    );
    let started = Instant::now();
    client.call(&["GETRANGE", "k", "0", "9999"]).unwrap();
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(150), "{took:?}");
}

#[test]
fn a_stall_holds_what_is_sent_and_lets_it_through_in_the_end() {
    let (server, proxy, mut client) = connected();
    proxy.set(Fault::Stall);
    hears_nothing(&mut client, &["SET", "k", "v"]);
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
    let mut idle = through(&proxy);
    proxy.set(Fault::BlackHole);
    hears_nothing(&mut client, &["SET", "k", "v"]);
    let mut fresh = crate::client(proxy.address());
    hears_nothing(&mut fresh, &["PING"]);
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
    let mut listener = through(&proxy);
    let subscribed = listener.call(&["SUBSCRIBE", "news"]).unwrap();
    assert_eq!(subscribed.array()[2].int(), 1);
    let mut client = through(&proxy);

    proxy.set(Fault::HoleToServer);
    hears_nothing(&mut client, &["SET", "k", "v"]);
    assert!(server.keys().is_empty());
    assert_eq!(server.cli(&["PUBLISH", "news", "heard"]).int(), 1);
    assert_eq!(listener.read().unwrap().array()[2].str(), "heard");
}

#[test]
fn a_hole_to_the_client_lets_commands_take_effect_unheard() {
    let (server, proxy, mut client) = connected();
    proxy.set(Fault::HoleToClient);
    hears_nothing(&mut client, &["SET", "k", "v"]);
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
    through(&proxy);
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
    through(&proxy);
}

#[test]
fn a_dead_server_behind_it_ends_connections() {
    let (server, proxy, mut client) = connected();
    server.kill9();
    assert!(client.call(&["PING"]).is_err());
    // Reset so soon that connecting may already notice.
    let fresh = RespClient::tcp(proxy.address(), SOON);
    assert!(fresh.and_then(|mut fresh| fresh.call(&["PING"])).is_err());
    server.restart();
    through(&proxy);
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

#[test]
fn a_proxy_that_points_elsewhere_leads_new_connections_there() {
    let (first, proxy, mut before) = connected();
    let second = RedisServer::start();
    proxy.point_at(&second);
    let mut after = through(&proxy);
    let port = |client: &mut RespClient| {
        let told = client.call(&["CONFIG", "GET", "port"]).unwrap();
        told.strings()[1].clone()
    };
    assert_eq!(port(&mut before), first.port().to_string());
    assert_eq!(port(&mut after), second.port().to_string());
}
