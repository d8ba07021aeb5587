//! Making the removals that were left in the outbox.
//!
//! Rows are not locked meanwhile. If two processes drain at the same time, some removals are made twice, which is harmless. A
//! lock would let a frozen process keep the others from making them.

use std::collections::HashSet;

use crate::key::Pattern;
use crate::outbox::database::{OutboxDatabase, Row};
use crate::outbox::handle::Outbox;
use crate::outbox::text;

/// Rows that are read at once.
const ROWS: i64 = 500;

/// Patterns of one removal: as many as Redis takes in one script, so that each removal ends within its budget.
const PATTERNS: usize = 200;

/// The result of [`Outbox::drain`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Rows whose removals Redis has acknowledged, and which were therefore deleted, by this process or by another one that
    /// drained at the same time.
    pub rows: u64,
    /// Rows that could not be read, and were set aside.
    pub set_aside: u64,
    /// Whether no row is left that was old enough. Otherwise Redis does not answer, or this cache uses none.
    pub complete: bool,
}

impl<DB: OutboxDatabase> Outbox<DB> {
    /// Makes the removals of all rows that are older than the grace, whoever has written them. It deletes a row only when
    /// Redis has acknowledged its removals; rows whose removals are only queued stay.
    ///
    /// A row that cannot be read is set aside: the reason is in its column `problem`, one line goes to the log, and other
    /// rows are not kept waiting. Patterns in it that can be read are removed.
    ///
    /// A cache without Redis drains nothing: it cannot reach the processes for which the rows are meant.
    ///
    /// # Errors
    ///
    /// The database cannot be reached, or there is no table.
    ///
    /// # Cancellation
    ///
    /// May be dropped at any time; rows that were not deleted are drained later.
    pub async fn drain(&self) -> Result<Drained, sqlx::Error> {
        let mut drained = Drained::default();
        // Each row is looked at once, also if somebody else is just deleting it.
        let mut after = i64::MIN;
        loop {
            let rows = {
                let mut connection = self.pool.acquire().await?;
                DB::rows(&mut connection, self.namespace(), after, self.grace, ROWS).await?
            };
            let Some(last) = rows.last() else {
                drained.complete = true;
                break;
            };
            after = last.id;
            if !self.drain_rows(rows, &mut drained).await? {
                break;
            }
        }
        if drained.rows > 0 {
            tracing::info!(
                rows = drained.rows,
                "made the removals of transactions whose process has ended before it made them, or could not reach Redis"
            );
        }
        Ok(drained)
    }

    /// False if Redis has not acknowledged the removals; all rows stay then.
    async fn drain_rows(&self, rows: Vec<Row>, drained: &mut Drained) -> Result<bool, sqlx::Error> {
        let mut patterns = HashSet::new();
        let mut readable = Vec::new();
        let mut unreadable = Vec::new();
        for row in rows {
            let read = match &row.patterns {
                Some(patterns) => text::read(patterns),
                None => text::Read {
                    patterns: Vec::new(),
                    problem: Some("the column `patterns` contains no text".to_owned()),
                },
            };
            patterns.extend(read.patterns);
            match read.problem {
                None => readable.push(row.id),
                Some(problem) => unreadable.push((row.id, problem)),
            }
        }
        if !self.remove_all(patterns).await {
            return Ok(false);
        }
        if !readable.is_empty() {
            self.finished.delete_now(&readable).await?;
            drained.rows += readable.len() as u64;
        }
        for (id, problem) in unreadable {
            let mut connection = self.pool.acquire().await?;
            DB::set_aside(&mut connection, id, &problem).await?;
            drained.set_aside += 1;
            tracing::error!(
                id,
                "a row of the table cache_outbox cannot be read, so its removals were not all made: see its column `problem`, make \
                 them by hand, and delete the row"
            );
        }
        Ok(true)
    }

    /// Whether Redis has acknowledged all removals.
    async fn remove_all(&self, patterns: HashSet<Pattern>) -> bool {
        // Without this, each attempt during an outage would queue the removals again.
        if !self.reaches_redis().await {
            return false;
        }
        let patterns: Vec<Pattern> = patterns.into_iter().collect();
        for some in patterns.chunks(PATTERNS) {
            if !self.cache.remove(some.to_vec(), None).await.is_durable() {
                return false;
            }
        }
        true
    }

    /// Whether at least a part of the cache has a connection; never, if it uses no Redis. In a process that has just started,
    /// waits for one, within the budget.
    async fn reaches_redis(&self) -> bool {
        let budget = self.cache.budget();
        for shard in self.cache.inner.shards.all() {
            if shard.session(&budget).await.is_some() {
                return true;
            }
        }
        false
    }
}
