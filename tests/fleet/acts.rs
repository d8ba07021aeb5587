//! What the tasks of a process do, and what they tell of it.

use std::cell::Cell;
use std::future::Future;

use cache_runtime::{Cache, Durability, observe};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::catalogue::{Family, GROUPS, Target, author_of};
use crate::clock::{self, Nanos};
use crate::functions::{self, ASKED, Asked, exact, item, world};
use crate::history::{Event, Got, Read, Removal, Tier};
use crate::plan::{Act, Kind, Plan};
use crate::random::Random;

/// One task.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) cache: &'static Cache,
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    /// Others only read.
    pub(crate) writes: bool,
}

/// How a call went, beside its result.
struct Heard {
    begin: Nanos,
    end: Nanos,
    tier: Tier,
    stale: bool,
    /// When the call's own body began.
    ran: Option<Nanos>,
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
                look(family, self.plan.rows).await;
            }
            Act::DroppedRemove if self.writes => self.dropped_remove().await,
            Act::Write if self.writes => self.write(None).await,
            Act::DroppedWrite if self.writes => self.write(Some(self.random.millis((0, 15)))).await,
            Act::Put if self.writes => self.put(id).await,
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
        tell_removal(target, called, durable);
    }

    /// Polled once at least, so it is owed.
    async fn dropped_remove(&self) {
        let target = self.target();
        let called = clock::now();
        let durable = timeout(self.random.millis((0, 2)), self.run(target)).await;
        tell_removal(target, called, durable == Ok(Durability::Durable));
    }

    /// A cached function that removes after its body; which it owes from the moment that the body has done its work.
    async fn write(&self, limit: Option<std::time::Duration>) {
        let (row, group) = (self.row(), self.random.percent(30));
        let queued = self.cache.stats().queued;
        let target = if group {
            Target::Group(row % GROUPS)
        } else {
            Target::Row(row)
        };
        let call = async {
            match group {
                true => functions::write_group(row % GROUPS).await,
                false => functions::write_row(row % GROUPS, row).await,
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
            tell_removal(target, wrote, ended && self.cache.stats().queued == queued);
        }
    }

    /// What it returned replaces the entry: nothing that began before its body may be served afterwards.
    async fn put(&self, id: u32) {
        let queued = self.cache.stats().queued;
        let (family, (heard, returned)) = match self.random.percent(50) {
            true => (Family::Item, asked(false, functions::put_item(id)).await),
            false => (Family::Exact, asked(false, functions::put_exact(id)).await),
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
        let removal = match target {
            Target::Key(Family::Item, id) => item::invalidate(id).await,
            Target::Key(Family::Exact, id) => exact::invalidate(id).await,
            Target::Key(Family::Tagged, id) => {
                self.cache
                    .delete(functions::tagged::key(id % GROUPS, id))
                    .await
            }
            Target::Key(Family::Late, id) => self.cache.delete(functions::late::key(id)).await,
            Target::Key(Family::Own, id) => self.cache.delete(functions::own::key(id)).await,
            Target::Key(Family::Aging, id) => functions::aging::invalidate(id).await,
            Target::Key(Family::Patient, id) => functions::patient::invalidate(id).await,
            Target::Family(family) => self.cache.invalidate_prefix(family.prefix()).await,
            Target::Row(id) => self
                .cache
                .invalidate_pattern(&format!("*:{id}"))
                .await
                .expect("a good pattern"),
            Target::Group(group) => self.cache.invalidate_tag(&format!("group:{group}")).await,
            Target::Author(author) => self.cache.invalidate_tag(&format!("author:{author}")).await,
            Target::Authors => self
                .cache
                .invalidate_pattern("#author:*")
                .await
                .expect("a good pattern"),
            Target::Glob => self
                .cache
                .invalidate_pattern("*:*")
                .await
                .expect("a good pattern"),
            Target::All => self.cache.clear().await,
        };
        removal.durability
    }

    fn target(&self) -> Target {
        let family = self
            .random
            .weighted(&self.plan.families)
            .unwrap_or(Family::Item);
        let row = self.row();
        match self.random.weighted(&self.plan.kinds).unwrap_or(Kind::Key) {
            Kind::Key => Target::Key(family, row),
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
        self.random.below(u64::from(self.plan.rows)) as u32
    }
}

/// A read that is told.
async fn read(family: Family, id: u32) {
    let queued = cache_runtime::cache().stats().queued;
    let (heard, returned) = asked(true, functions::read(family, id)).await;
    let got = match &returned {
        Ok(view) => {
            assert_eq!(view.id, id, "another row's value");
            Got {
                began: view.began,
                loader: Some(view.process),
                version: view.version,
                author: view.author,
            }
        }
        // Which author it would have had, nobody knows: none that could be removed.
        Err(failed) => Got {
            began: failed.began,
            loader: None,
            version: 0,
            author: u64::MAX,
        },
    };
    let Heard {
        begin,
        end,
        tier,
        stale,
        ran,
    } = heard;
    world().teller.tell(Event::Read(Read {
        begin,
        end,
        family,
        id,
        tier,
        stale,
        got,
    }));
    // Its own load removed what else was under its prefix.
    if let (Family::Own, Some(began), Ok(_)) = (family, ran, returned) {
        tell_removal(
            Target::Key(family, id),
            began,
            cache_runtime::cache().stats().queued == queued,
        );
    }
}

/// All rows of a family, at the same time.
pub(crate) async fn look(family: Family, rows: u32) {
    let mut reads = JoinSet::new();
    for id in 0..rows {
        reads.spawn(read(family, id));
    }
    reads.join_all().await;
}

/// Runs a cached call and hears how it went.
async fn asked<T>(missed: bool, call: impl Future<Output = T>) -> (Heard, T) {
    let at = clock::now();
    let scope = Asked {
        at,
        missed,
        ran: Cell::new(None),
        wrote: Cell::new(None),
    };
    ASKED
        .scope(scope, async {
            let (returned, observed) = observe(call).await;
            let end = clock::now();
            let ran = ASKED.with(|asked| asked.ran.get());
            // An older value may have stood in for its own body.
            let tier = match ran {
                _ if observed.memory_hits > 0 => Tier::Memory,
                _ if observed.hits > 0 => Tier::Redis,
                Some(_) => Tier::Body,
                None => Tier::Shared,
            };
            (
                Heard {
                    begin: at,
                    end,
                    tier,
                    stale: observed.stale > 0,
                    ran,
                },
                returned,
            )
        })
        .await
}

/// A scope for a call that tells nothing of its reading.
async fn within<T>(call: impl Future<Output = T>) -> T {
    let scope = Asked {
        at: clock::now(),
        missed: false,
        ran: Cell::new(None),
        wrote: Cell::new(None),
    };
    ASKED.scope(scope, call).await
}

fn tell_removal(target: Target, called: Nanos, durable: bool) {
    world().teller.tell(Event::Removal(Removal {
        called,
        returned: clock::now(),
        target,
        durable,
    }));
}
