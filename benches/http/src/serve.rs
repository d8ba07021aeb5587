//! The service, as a process of its own: `http serve <contender> [--redis <url>] [--load-ms <n>]`.
//!
//! It listens on a free port, prints its address, and ends when its standard input does: that is when the bench ends,
//! however it ends.

use std::io::Read;
use std::time::Duration;

use axum::Json;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::contenders::{self, Service};
use crate::options::Serve;
use crate::source;

pub fn run(serve: Serve) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    source::takes(Duration::from_millis(serve.load_ms));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async { tokio::spawn(answer(serve)).await.expect("no panic") });
}

async fn answer(serve: Serve) {
    let contender = contenders::by_id(&serve.contender).expect("a contender");
    let Service::Rust(make) = contender.service else {
        panic!("{} is not served by this program", contender.name);
    };
    let count = || std::future::ready(Json(source::loads()));
    let service = make(serve.redis).await.route("/loads", get(count));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, service).await.expect("a listener");
}
