//! A process of its own, which does what its input says until it is killed.

use std::env;
use std::io::{BufRead as _, stdin};
use std::thread;

use cache_runtime::{Cache, CacheConfig, Pattern, cached, deferred};
use cache_tests::ChildProcess;
use sqlx::{Postgres, Sqlite};
use tokio::sync::mpsc;

use super::place::{Kind, Member, UPDATE, of_item};
use crate::app::SOON;

/// Named by this, its process is told which database to use.
const DATABASE: &str = "OUTBOX_DATABASE";

pub(super) struct Child(ChildProcess);

impl Child {
    pub(super) fn start(redis: &str, database: &str) -> Self {
        let child = ChildProcess::builder(env::current_exe().unwrap())
            .arg("p4_outbox::child::as_a_process_that_is_told_what_to_do")
            .arg("--exact")
            .arg("--ignored")
            .arg("--nocapture")
            .env("REDIS_URL", redis)
            .env("CACHE_BUDGET", "60s")
            .env(DATABASE, database)
            .spawn();
        let child = Self(child);
        child.says("ready");
        child
    }

    /// Does something, and says that it is done.
    pub(super) fn tell(&mut self, command: &str) {
        self.0.send(command);
        self.says("= done");
    }

    /// Begins something that does not end.
    pub(super) fn begin(&mut self, command: &str) {
        self.0.send(command);
    }

    pub(super) fn kill9(mut self) {
        self.0.kill9();
    }

    fn says(&self, mark: &str) {
        let _ = self
            .0
            .line_where(3 * SOON, mark, |line| line.contains(mark));
    }
}

/// Lines of a verb and a name, separated by a tab: `commit`, `record`, `transaction`, `deferred`.
#[tokio::test]
#[ignore = "runs as a child process, told by its input what to do"]
async fn as_a_process_that_is_told_what_to_do() {
    match env::var(DATABASE) {
        Ok(url) if url.starts_with("postgres") => obey::<Postgres>(&url).await,
        Ok(file) => obey::<Sqlite>(&file).await,
        Err(_) => {}
    }
}

async fn obey<DB: Kind>(database: &str) {
    let member = Member::<DB>::with(CacheConfig::from_env().unwrap(), database).await;
    let (sender, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    println!("ready");
    // Nothing is made or dropped before the process is killed.
    let mut kept = Vec::new();
    while let Some(line) = lines.recv().await {
        let (verb, name) = line.split_once('\t').unwrap();
        match verb {
            "transaction" => change_in_transaction(&member, name).await,
            "deferred" => change_deferred(&member, name).await,
            _ => {
                let mut tx = member.pool.begin().await.unwrap();
                DB::execute(&mut tx, UPDATE, name, 2).await.unwrap();
                if verb == "record" {
                    let removal: Vec<Pattern> = vec![of_item(name)];
                    kept.push(member.outbox.record(&mut tx, removal).await.unwrap());
                }
                tx.commit().await.unwrap();
            }
        }
        println!("= done");
    }
}

/// Sets the item to 2, in a transaction of the outbox.
pub(super) async fn change_in_transaction<DB: Kind>(member: &Member<DB>, name: &str) {
    let begun = member.pool.begin().await.unwrap();
    let changed = member.outbox.transaction(begun, async |tx| {
        change::<DB>(tx, &member.cache, name).await
    });
    changed.await.unwrap();
}

async fn change_deferred<DB: Kind>(member: &Member<DB>, name: &str) {
    let changed = deferred(async {
        let mut tx = member.pool.begin().await?;
        change::<DB>(&mut tx, &member.cache, name).await?;
        let recorded = member.outbox.record_deferred(&mut tx).await?;
        assert_eq!(recorded, 1);
        tx.commit().await
    });
    changed.await.unwrap();
}

/// Sets the item to 2, and invalidates its entry.
pub(super) async fn change<DB: Kind>(
    connection: &mut DB::Connection,
    cache: &Cache,
    name: &str,
) -> sqlx::Result<()> {
    DB::execute(connection, UPDATE, name, 2).await?;
    changed(cache, name).await;
    Ok(())
}

/// A write whose statement was executed by its caller.
#[cached(invalidates = "=item:<name>", cache = cache, skip(cache))]
async fn changed(cache: &Cache, name: &str) {}
