//! Rows whose removals are durable, and which are deleted in the background.
//!
//! If this fails, nothing is lost: the rows stay, and their removals are made once more.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::Pool;

use crate::common::background::Background;
use crate::outbox::database::OutboxDatabase;

/// How long rows are gathered for one `DELETE`. Far less than the usual grace, so that drains leave them alone.
const GATHER: Duration = Duration::from_millis(50);

/// Rows of one `DELETE`.
const AT_ONCE: usize = 1000;

/// How many rows wait for their deletion at most. Rows beyond are left to drains.
const BOUND: usize = 10_000;

pub(super) struct Finished<DB: OutboxDatabase> {
    pool: Pool<DB>,
    background: Arc<Background>,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    /// A task deletes them.
    has_task: bool,
}

impl<DB: OutboxDatabase> Finished<DB> {
    pub(super) fn new(pool: Pool<DB>, background: Arc<Background>) -> Self {
        Self {
            pool,
            background,
            rows: Mutex::default(),
        }
    }

    /// Deletes the row soon. Its removals must be durable.
    pub(super) fn delete(self: &Arc<Self>, id: i64) {
        {
            let mut rows = self.rows.lock();
            if rows.ids.len() < BOUND {
                rows.ids.push(id);
            }
            if std::mem::replace(&mut rows.has_task, true) {
                return;
            }
        }
        let task = Task {
            finished: self.clone(),
            ended: false,
        };
        self.background.spawn(task.run());
    }

    /// The next rows to delete. If there are none, the task ends.
    fn next(&self) -> Option<Vec<i64>> {
        let mut rows = self.rows.lock();
        let at_once = rows.ids.len().min(AT_ONCE);
        rows.has_task = at_once > 0;
        rows.has_task
            .then(|| rows.ids.drain(..at_once).collect::<Vec<_>>())
    }

    pub(super) async fn delete_now(&self, ids: &[i64]) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        DB::delete(&mut connection, ids).await
    }
}

/// The task that deletes rows.
struct Task<DB: OutboxDatabase> {
    finished: Arc<Finished<DB>>,
    ended: bool,
}

impl<DB: OutboxDatabase> Task<DB> {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(GATHER).await;
            let Some(ids) = self.finished.next() else {
                self.ended = true;
                return;
            };
            if let Err(error) = self.finished.delete_now(&ids).await {
                tracing::debug!(%error, rows = ids.len(), "rows of the outbox were not deleted; their removals will be made once more");
            }
        }
    }
}

impl<DB: OutboxDatabase> Drop for Task<DB> {
    /// If there was no room for the task, or if its runtime has ended, the next deletion starts another one.
    fn drop(&mut self) {
        if !self.ended {
            self.finished.rows.lock().has_task = false;
        }
    }
}
