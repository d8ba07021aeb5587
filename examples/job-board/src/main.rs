//! Starts the job board, says where it is, and ends in order.

use std::error::Error;
use std::process::ExitCode;

use job_board::AppState;
use job_board::db::Db;
use job_board::settings::Settings;
use job_board::shutdown::{PATIENCE, Signals};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
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
    let db = Db::open(&settings.database_url).await?;
    let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
    greet(&settings, listener.local_addr()?.port());

    let state = AppState {
        db: db.clone(),
        session_key: settings.session_key,
    };
    serve(listener, state).await?;

    // In this order: no request is left that could use the database.
    db.close().await;
    Ok(())
}

/// Serves until a signal, then lets open requests finish, but not for ever.
async fn serve(listener: TcpListener, state: AppState) -> Result<(), Box<dyn Error>> {
    let mut asked = Signals::listen()?;
    let mut overdue = Signals::listen()?;
    let server = axum::serve(listener, job_board::app(state))
        .with_graceful_shutdown(async move { asked.received().await });
    tokio::select! {
        ended = async { server.await } => ended?,
        () = async {
            overdue.received().await;
            tokio::time::sleep(PATIENCE).await;
        } => tracing::warn!("some requests did not finish in {PATIENCE:?}"),
    }
    Ok(())
}

fn greet(settings: &Settings, port: u16) {
    let at = format!("http://127.0.0.1:{port}");
    println!("job board at {at}");
    println!("  database  {}", settings.database_url);
    println!("try, and watch X-Sql:");
    println!("  curl -i '{at}/api/jobs?search=rust&limit=2'");
    println!("  curl -i '{at}/api/jobs/stats/overview'");
    println!("  curl -i '{at}/api/posts?limit=2'");
}
