//! Starts the job board, says where it is, and ends in order.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use axum::extract::ConnectInfo;
use cache_runtime::CacheConfig;
use cache_runtime::http::AdminConfig;
use job_board::db::Db;
use job_board::settings::Settings;
use job_board::shutdown::{PATIENCE, Signals};
use job_board::{AppState, warm};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("job-board: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    // A Redis that is merely away is a normal start; only a setting that cannot be right ends here.
    let cache = cache_runtime::init(CacheConfig::from_env()?)?;
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--check") => return check(cache).await,
        Some(other) => {
            return Err(format!(
                "`{other}`: the only option is --check, which tries Redis and ends"
            )
            .into());
        }
    }
    let db = Db::open(&settings.database_url)
        .await
        .map_err(|error| format!("{}: {error}", settings.database_url))?;
    let address = SocketAddr::new(settings.bind_address, settings.port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    greet(&settings, listener.local_addr()?).await;

    let outbox = db.outbox(cache);
    outbox.create_table().await?;
    let drainer = outbox.start(); // removes what processes that died have left
    tokio::spawn(job_board::metrics::keep_up());
    let state = AppState {
        db: db.clone(),
        session_key: settings.session_key,
        outbox,
    };
    // Behind the first visitors' backs: nobody waits for it.
    let warming = settings.warm.then(|| {
        let db = db.clone();
        tokio::spawn(async move { warm::first_pages(cache, &db).await })
    });
    serve(listener, state).await?;
    if let Some(warming) = warming {
        warming.abort();
    }

    // In this order: no request is left that could use the cache, no load or removal that could use the database.
    drop(drainer);
    cache_runtime::shutdown().await;
    db.close().await;
    Ok(())
}

/// Tries Redis once, and says how long each step took or what is wrong.
async fn check(cache: &cache_runtime::Cache) -> Result<(), Box<dyn Error>> {
    let report = cache.test_connection().await?;
    let tls = if report.tls { " (TLS)" } else { "" };
    println!(
        "Redis answers{tls}: connect {} ms, SET {} ms, GET {} ms, DELETE {} ms",
        report.connect_ms, report.set_ms, report.get_ms, report.delete_ms
    );
    Ok(())
}

/// Serves until a signal, then lets open requests finish, but not for ever.
async fn serve(listener: TcpListener, state: AppState) -> Result<(), Box<dyn Error>> {
    let mut asked = Signals::listen()?;
    let mut overdue = Signals::listen()?;
    // Wrong tokens are counted by address. Behind a proxy, read the header that it sets instead.
    let operators = AdminConfig::from_env().peer(|request| {
        let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(address.ip())
    });
    let app = job_board::app(state, operators);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server =
        axum::serve(listener, app).with_graceful_shutdown(async move { asked.received().await });
    tokio::select! {
        ended = async { server.await } => ended?,
        () = async {
            overdue.received().await;
            tokio::time::sleep(PATIENCE).await;
        } => tracing::warn!("some requests did not finish in {PATIENCE:?}"),
    }
    Ok(())
}

/// Says what to try. Nobody may be reading, and that is no reason to end.
async fn greet(settings: &Settings, mut address: SocketAddr) {
    // A server that listens on every address is reached at the loopback address.
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let at = format!("http://{address}");
    let database = &settings.database_url;
    let cache = cache_runtime::cache().health().await.backend;
    let _ = writeln!(
        io::stdout(),
        "job board at {at}
  database  {database}
  cache     {cache}
try each of these twice, and watch X-Cache and X-Sql:
  curl -i '{at}/api/jobs?search=rust&limit=2'
  curl -i '{at}/api/jobs/stats/overview'
  curl -i '{at}/api/posts?limit=2'
and look in, with CACHE_ADMIN_TOKEN set:
  {at}/cache/dashboard"
    );
}
