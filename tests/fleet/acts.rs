//! What a process does, and what it tells of its removals.

use std::time::Duration;

use cache_runtime::{Cache, Durability};
use tokio::time::timeout;

use crate::body::{ASKED, world};
use crate::catalogue::{Family, GROUPS, Target, author_of};
use crate::clock;
use crate::functions::{self, group_of};
use crate::names::{Author, Names, Row, Tenant};
use crate::plan::{Act, Kind, Plan};
use crate::random::Random;
use crate::reads::{asked, look, read, tell_by_hand, tell_dropped, tell_removal, within};

/// Where there are more rows than this, half of the reads are of so few that they are there when they are read again.
const MANY: u32 = 1_000;
const FEW: u32 = 50;

/// Who acts: one task after another, or many at once.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) cache: &'static Cache,
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) tenant: Tenant,
    /// Others only read.
    pub(crate) writes: bool,
}

impl Actor {
    pub(crate) async fn pause(&self) {
        tokio::time::sleep(self.random.millis(self.plan.pause)).await;
    }

    pub(crate) async fn act(&self) {
        let act = self.random.weighted(&self.plan.acts).unwrap_or(Act::Read);
        let family = self
            .random
            .weighted(&self.plan.families)
            .unwrap_or(Family::Item);
        let id = self.row();
        match act {
            Act::DroppedRead => {
                // Its result, if there is one, is as good as any other: but the point is to go away.
                let _ = timeout(
                    self.random.millis((0, 30)),
                    asked(true, functions::read(family, id)),
                )
                .await;
            }
            Act::Remove if self.writes => self.remove().await,
            Act::RemoveAndLook if self.writes => {
                self.remove().await;
                look(family, rows_to_look_at(self.plan.rows)).await;
            }
            Act::DroppedRemove if self.writes => self.dropped_remove().await,
            Act::Write if self.writes => self.write(None).await,
            Act::DroppedWrite if self.writes => self.write(Some(self.random.millis((0, 15)))).await,
            Act::WriteAndLook if self.writes => {
                self.write_pages(id).await;
                look(Family::Item, vec![id]).await;
            }
            Act::Put if self.writes => self.put(id).await,
            Act::Transact if self.writes => self.transact(family, id).await,
            Act::Refresh => {
                // What it returns is its own, and what it replaces it must itself prove to be no newer.
                let _ = asked(false, functions::refresh(family, id)).await;
            }
            _ => read(family, id).await,
        }
    }

    async fn remove(&self) {
        let target = self.target();
        world().rows.change(self.row()).await;
        let called = clock::now();
        let durable = self.run(target).await == Durability::Durable;
        tell_by_hand(target, called, Some(durable));
    }

    /// Polled once at least, so it is owed.
    async fn dropped_remove(&self) {
        let target = match (self.target(), self.plan.names) {
            // Called by a function, they are owed only when its body has ended.
            (Target::Row(_) | Target::Group(_) | Target::Author(_), Names::Wild) => Target::All,
            (target, _) => target,
        };
        let called = clock::now();
        let durable = timeout(self.random.millis((0, 2)), self.run(target)).await;
        let ended = durable.ok().map(|durable| durable == Durability::Durable);
        tell_by_hand(target, called, ended);
    }

    /// A cached function that removes after its body; which it owes from the moment that the body has done its work.
    async fn write(&self, limit: Option<Duration>) {
        let (row, group) = (self.row(), self.random.percent(30));
        let queued = self.cache.stats().queued;
        let target = if group {
            Target::Group(row % GROUPS)
        } else {
            Target::Row(row)
        };
        let call = async {
            match group {
                true => functions::write_group(group_of(row)).await,
                false => functions::write_row(group_of(row), Row(row)).await,
            }
        };
        let (ended, wrote) = within(async {
            let ended = match limit {
                Some(limit) => timeout(limit, call).await.is_ok(),
                None => call.await.is_ok(),
            };
            (ended, ASKED.with(|asked| asked.wrote.get()))
        })
        .await;
        if let Some(wrote) = wrote {
            let durable = self.cache.stats().queued == queued;
            tell_dropped(target, wrote, ended.then_some(durable));
        }
    }

    async fn write_pages(&self, id: u32) {
        let queued = self.cache.stats().queued;
        let wrote = within(async {
            let written = functions::write_pages(Row(id)).await;
            written.expect("a write that does not fail");
            ASKED.with(|asked| asked.wrote.get())
        });
        if let Some(wrote) = wrote.await {
            let durable = self.cache.stats().queued == queued;
            tell_removal(Target::Key(Family::Item, id), wrote, durable);
        }
    }

    /// What it returned replaces the entry: nothing that began before its body may be served afterwards.
    async fn put(&self, id: u32) {
        let queued = self.cache.stats().queued;
        let (family, (heard, returned)) = match self.random.percent(50) {
            true => (
                Family::Item,
                asked(false, functions::put_item(Row(id))).await,
            ),
            false => (
                Family::Exact,
                asked(false, functions::put_exact(Row(id))).await,
            ),
        };
        if let (Some(began), Ok(_)) = (heard.ran, returned) {
            tell_removal(
                Target::Key(family, id),
                began,
                self.cache.stats().queued == queued,
            );
        }
    }

    async fn run(&self, target: Target) -> Durability {
        let cache = self.cache;
        let removal = match target {
            Target::Key(family, id) => remove_key(cache, family, id).await,
            Target::Family(family) => cache.invalidate_prefix(family.prefix()).await,
            Target::Row(_) | Target::Group(_) | Target::Author(_)
                if self.plan.names == Names::Wild =>
            {
                return self.run_by_a_function(target).await;
            }
            Target::Row(id) => cache
                .invalidate_pattern(&format!("*:{id}"))
                .await
                .expect("a good pattern"),
            Target::Group(group) => cache.invalidate_tag(&format!("group:{group}")).await,
            Target::Author(author) => cache.invalidate_tag(&format!("author:{author}")).await,
            Target::Authors => cache
                .invalidate_pattern("#author:*")
                .await
                .expect("a good pattern"),
            Target::Glob => cache
                .invalidate_pattern("*:*")
                .await
                .expect("a good pattern"),
            Target::All => cache.clear().await,
        };
        removal.durability
    }

    /// Names that would have to be escaped by hand are put in by the attribute.
    async fn run_by_a_function(&self, target: Target) -> Durability {
        let queued = self.cache.stats().queued;
        let written = match target {
            Target::Group(group) => functions::write_group(group_of(group)).await,
            Target::Author(author) => {
                functions::write_author(Author(author), Row(self.row())).await
            }
            Target::Row(id) => functions::write_row(group_of(id), Row(id)).await,
            _ => unreachable!("everything else has a text that needs no escape"),
        };
        written.expect("a write that does not fail");
        match self.cache.stats().queued == queued {
            true => Durability::Durable,
            false => Durability::Queued,
        }
    }

    fn target(&self) -> Target {
        let family = self
            .random
            .weighted(&self.plan.families)
            .unwrap_or(Family::Item);
        let row = self.row();
        match self.random.weighted(&self.plan.kinds).unwrap_or(Kind::Key) {
            Kind::Key => Target::Key(family, row),
            Kind::NestedKey => match self.tenant {
                Tenant::Outer => Target::Key(Family::Nested, row),
                Tenant::Inner => Target::Key(Family::Hand, row),
            },
            Kind::Family => Target::Family(family),
            Kind::Row => Target::Row(row),
            Kind::Group => Target::Group(row % GROUPS),
            Kind::Author => Target::Author(author_of(u64::from(row))),
            Kind::Authors => Target::Authors,
            Kind::Glob => Target::Glob,
            Kind::All => Target::All,
        }
    }

    fn row(&self) -> u32 {
        let rows = self.plan.rows;
        let most = match rows > MANY && self.random.percent(50) {
            true => FEW,
            false => rows,
        };
        self.random.below(u64::from(most)) as u32
    }
}

/// All of them, or where that would be too many, those that are read most and some of the others.
pub(crate) fn rows_to_look_at(rows: u32) -> Vec<u32> {
    match rows > MANY {
        true => (0..FEW)
            .chain((FEW..rows).step_by((rows / 200) as usize))
            .collect(),
        false => (0..rows).collect(),
    }
}

async fn remove_key(cache: &Cache, family: Family, id: u32) -> cache_runtime::Invalidation {
    let row = Row(id);
    match family {
        Family::Item => functions::item::invalidate(row).await,
        Family::Exact => functions::exact::invalidate(row).await,
        Family::Tagged => {
            cache
                .delete(functions::tagged::key(group_of(id), row))
                .await
        }
        Family::Late => cache.delete(functions::late::key(row)).await,
        Family::Own => cache.delete(functions::own::key(row)).await,
        Family::Aging => functions::aging::invalidate(row).await,
        Family::Patient => functions::patient::invalidate(row).await,
        Family::Hand => cache.delete(functions::hand::key(row)).await,
        Family::Nested => cache.delete(functions::nested::key(row)).await,
        Family::Bulk => functions::bulk::invalidate(row).await,
        Family::Thread => functions::on_thread::invalidate(row).await,
    }
}
