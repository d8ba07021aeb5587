//! Server time of commands and scripts, by the server's own account.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use crate::bare::{ask, words};

/// The hash that a script is called by.
pub(crate) async fn load(bare: &mut MultiplexedConnection, script: &str) -> String {
    ask(bare, redis::cmd("SCRIPT").arg("LOAD").arg(script)).await
}

/// Microseconds that the server has spent on a command since `CONFIG RESETSTAT`, and how often it ran.
pub(crate) async fn spent(bare: &mut MultiplexedConnection, command: &str) -> (f64, f64) {
    let info: String = ask(bare, &words("INFO commandstats")).await;
    let name = format!("cmdstat_{command}:");
    let line = info.lines().find_map(|line| line.strip_prefix(&name));
    let field = |field: &str| {
        line.into_iter()
            .flat_map(|line| line.split(','))
            .find_map(|part| part.strip_prefix(field)?.parse::<f64>().ok())
            .unwrap_or_default()
    };
    (field("usec="), field("calls="))
}

/// One command for each number, from so many tasks over the one connection.
pub(crate) async fn each(
    bare: &MultiplexedConnection,
    tasks: u32,
    numbers: std::ops::Range<u32>,
    command: impl Fn(u32) -> redis::Cmd + Send + Sync + 'static,
) {
    let command = Arc::new(command);
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let (mut bare, command, numbers) = (bare.clone(), command.clone(), numbers.clone());
        running.spawn(async move {
            for number in numbers.skip(task as usize).step_by(tasks as usize) {
                let answer: redis::Value = ask(&mut bare, &command(number)).await;
                assert!(
                    !matches!(answer, redis::Value::Nil | redis::Value::Int(0)),
                    "command {number} did nothing"
                );
            }
        });
    }
    running.join_all().await;
}
