//! A service, as a process of its own: `systems serve <what> --database <url> [--round-trip-ms <n>]`.
//!
//! It listens on a free port, prints its address, and ends when its standard input does: that is when the bench ends,
//! however it ends. Everything but this is the example's own; its cache reads its settings from the environment.

use std::io::Read as _;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use cache_runtime::CacheConfig;
use cache_runtime::http::{AdminConfig, CacheLayer};
use sqlx::sqlite::SqlitePoolOptions;
use tokio::net::TcpListener;

use crate::options::Serve;
use crate::{statements, variants};

/// Where the service tells how many statements it has run.
pub(crate) const STATEMENTS: &str = "/bench/statements";

pub(crate) fn run(serve: Serve) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    statements::count();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async { tokio::spawn(answer(serve)).await.expect("no panic") });
}

async fn answer(serve: Serve) {
    let config = CacheConfig::from_env().expect("settings");
    cache_runtime::init(config).expect("a cache");
    let count = get(async || statements::run().to_string());
    let service = router(&serve).await.route(STATEMENTS, count);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, service).await.expect("a listener");
}

async fn router(serve: &Serve) -> Router {
    let url = &serve.database;
    match serve.what.as_str() {
        "job-board" => {
            let db = job_board::db::Db::open(url).await.expect("a database");
            let outbox = db.outbox(cache_runtime::cache());
            outbox.create_table().await.expect("a table");
            let state = job_board::AppState {
                outbox,
                db,
                session_key: job_board::settings::Settings::from_env()
                    .expect("settings")
                    .session_key,
            };
            job_board::app(state, AdminConfig::new())
        }
        "articles" => {
            let options = far(SqlitePoolOptions::new(), serve.round_trip);
            let db = articles::db::Db::open_with(url, options).await;
            let service = articles::service::ArticleService::new(db.expect("a database"));
            articles::http::app(articles::http::AppState { service }, AdminConfig::new())
        }
        "payroll" => {
            let state = payroll::AppState {
                db: payroll::db::Db::open(url).await.expect("a database"),
                session_key: payroll::settings::Settings::from_env()
                    .expect("settings")
                    .session_key,
            };
            payroll::app(state, AdminConfig::new(), CacheLayer::new())
        }
        variant => {
            let db = job_board::db::Db::open(url).await.expect("a database");
            variants::router(variant, db)
        }
    }
}

/// SQLite answers from the same process. Where a row says so, whoever takes a connection waits for one round trip, as to a
/// database on another machine: once for each statement or transaction, although a real one would take more.
fn far(options: SqlitePoolOptions, round_trip: Duration) -> SqlitePoolOptions {
    match round_trip.is_zero() {
        true => options,
        false => options.before_acquire(move |_, _| {
            Box::pin(async move {
                tokio::time::sleep(round_trip).await;
                Ok(true)
            })
        }),
    }
}
