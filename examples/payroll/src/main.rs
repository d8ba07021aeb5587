//! Starts the office, says where it is, and ends in order.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::extract::ConnectInfo;
use cache_runtime::CacheConfig;
use cache_runtime::http::{AdminConfig, CacheLayer};
use payroll::db::Db;
use payroll::settings::Settings;
use payroll::shutdown::{PATIENCE, Signals};
use payroll::{AppState, warm};
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
            eprintln!("payroll: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    // A Redis that is merely away is a normal start; only a setting that cannot be right ends here.
    let cache = cache_runtime::init(CacheConfig::from_env()?)?;
    let db = Db::open(&settings.database_url)
        .await
        .map_err(|error| format!("{}: {error}", settings.database_url))?;
    let listener = TcpListener::bind(("127.0.0.1", settings.port))
        .await
        .map_err(|error| format!("port {}: {error}", settings.port))?;
    greet(&settings, listener.local_addr()?.port()).await;

    tokio::spawn(payroll::metrics::keep_up());
    let state = AppState {
        db: db.clone(),
        session_key: settings.session_key,
    };
    // Behind everybody's backs: nobody waits for it.
    let warming = settings.warm.then(|| {
        let db = db.clone();
        tokio::spawn(async move { warm::before_work(cache, &db).await })
    });
    // No `Cache-Control`: a browser's copy of a salary would outlive sign-out, reset and every removal.
    let told = if settings.show_keys {
        CacheLayer::new().each_call().keys()
    } else {
        CacheLayer::new()
    };
    serve(listener, state, told).await?;
    if let Some(warming) = warming {
        warming.abort();
    }

    // In this order: no request is left that could use the cache, no load that could use the database.
    cache_runtime::shutdown().await;
    db.close().await;
    Ok(())
}

/// Serves until a signal, then lets open requests finish, but not for ever.
async fn serve(
    listener: TcpListener,
    state: AppState,
    told: CacheLayer,
) -> Result<(), Box<dyn Error>> {
    let mut asked = Signals::listen()?;
    let mut overdue = Signals::listen()?;
    // Wrong tokens are counted by address. Behind a proxy, read the header that it sets instead.
    let operators = AdminConfig::from_env().peer(|request| {
        let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(address.ip())
    });
    let app = payroll::app(state, operators, told);
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
async fn greet(settings: &Settings, port: u16) {
    let at = format!("http://127.0.0.1:{port}");
    let database = &settings.database_url;
    let cache = cache_runtime::cache().health().await.backend;
    let _ = writeln!(
        io::stdout(),
        "payroll at {at}
  database  {database}
  cache     {cache}
sign in, then try the others twice, and watch X-Cache and X-Sql:
  curl -c jar {at}/api/session -H 'content-type: application/json' -d '{{\"user_id\": 1}}'
  curl -i -b jar {at}/api/dashboard
  curl -i -b jar '{at}/api/employees?page=1&per_page=2'
and look in, with CACHE_ADMIN_TOKEN set:
  {at}/admin/cache/dashboard"
    );
}
