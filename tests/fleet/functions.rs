//! The cached functions under test, and the one body they share.

use std::cell::Cell;
use std::sync::OnceLock;

use cache_runtime::cached;

use crate::catalogue::{Failed, Family, GROUPS, View, author_of};
use crate::clock::{self, Nanos};
use crate::database::Rows;
use crate::history::{Event, Load, ProcessId};
use crate::plan::Bodies;
use crate::random::Random;
use crate::telling::Teller;

/// What the bodies need of their process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) process: ProcessId,
    pub(crate) rows: Rows,
    pub(crate) random: Random,
    pub(crate) bodies: Bodies,
    pub(crate) teller: Teller,
}

/// Set once, before the first call.
pub(crate) static WORLD: OnceLock<World> = OnceLock::new();

pub(crate) fn world() -> &'static World {
    WORLD.get().expect("a process that has been set up")
}

/// What a call and its body tell each other.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) at: Nanos,
    /// Not a `put` or a `refresh`, which run the body whatever stands.
    pub(crate) missed: bool,
    /// When the body began, if it did.
    pub(crate) ran: Cell<Option<Nanos>>,
    /// When the body of a write had changed its row.
    pub(crate) wrote: Cell<Option<Nanos>>,
}

tokio::task_local! {
    pub(crate) static ASKED: Asked;
}

type Loaded = Result<View, Failed>;

#[cached(ttl = "5s", key = "item:<id>")]
pub(crate) async fn item(id: u32) -> Loaded {
    load(Family::Item, id).await
}

#[cached(ttl = "5s", key = "exact:<id>", near = false)]
pub(crate) async fn exact(id: u32) -> Loaded {
    load(Family::Exact, id).await
}

#[cached(ttl = "5s", key = "tagged:<group>:<id>", tags = "group:<group>")]
pub(crate) async fn tagged(group: u32, id: u32) -> Loaded {
    load(Family::Tagged, id).await
}

#[cached(
    ttl = "5s",
    key = "late:<id>",
    tags = "author:<result.author>",
    near = false
)]
pub(crate) async fn late(id: u32) -> Loaded {
    load(Family::Late, id).await
}

#[cached(ttl = "5s", key = "own:<id>:view", invalidates = "own:<id>:")]
pub(crate) async fn own(id: u32) -> Loaded {
    load(Family::Own, id).await
}

#[cached(ttl = "500ms", key = "aging:<id>", stale = "2s", early = 2.0)]
pub(crate) async fn aging(id: u32) -> Loaded {
    load(Family::Aging, id).await
}

#[cached(
    ttl = "500ms",
    key = "patient:<id>",
    tags = "author:<result.author>",
    near = false,
    stale = "500ms",
    stale_on_error = "4s",
    soft_timeout = "10ms",
    timeout = "60ms"
)]
pub(crate) async fn patient(id: u32) -> Loaded {
    load(Family::Patient, id).await
}

#[cached(ttl = "5s", key = "item:<id>", put)]
pub(crate) async fn put_item(id: u32) -> Loaded {
    world().rows.change(id).await;
    load(Family::Item, id).await
}

#[cached(ttl = "5s", key = "exact:<id>", put, near = false)]
pub(crate) async fn put_exact(id: u32) -> Loaded {
    world().rows.change(id).await;
    load(Family::Exact, id).await
}

/// Everything but `own` that shows a row.
#[cached(invalidates = [
    "item:<id>",
    "exact:<id>",
    "tagged:<group>:<id>",
    "late:<id>",
    "aging:<id>",
    "patient:<id>",
])]
pub(crate) async fn write_row(group: u32, id: u32) -> Result<u64, Failed> {
    let version = world().rows.change(id).await;
    // A caller that is dropped from here on owes the removal.
    let _ = ASKED.try_with(|asked| asked.wrote.set(Some(clock::now())));
    Ok(version)
}

/// The views of a group of rows, by tag.
#[cached(invalidates = ["#group:<group>"])]
pub(crate) async fn write_group(group: u32) -> Result<u64, Failed> {
    let version = world().rows.change(group).await;
    let _ = ASKED.try_with(|asked| asked.wrote.set(Some(clock::now())));
    Ok(version)
}

/// A read of one row in one family.
pub(crate) async fn read(family: Family, id: u32) -> Loaded {
    match family {
        Family::Item => item(id).await,
        Family::Exact => exact(id).await,
        Family::Tagged => tagged(id % GROUPS, id).await,
        Family::Late => late(id).await,
        Family::Own => own(id).await,
        Family::Aging => aging(id).await,
        Family::Patient => patient(id).await,
    }
}

/// The same, loaded now, whatever stands.
pub(crate) async fn refresh(family: Family, id: u32) -> Loaded {
    match family {
        Family::Item => item::refresh(id).await,
        Family::Exact => exact::refresh(id).await,
        Family::Tagged => tagged::refresh(id % GROUPS, id).await,
        Family::Late => late::refresh(id).await,
        Family::Own => own::refresh(id).await,
        Family::Aging => aging::refresh(id).await,
        Family::Patient => patient::refresh(id).await,
    }
}

/// A load: some time, a look at the database, some more time. Tells when it began and ended, also when it is dropped.
async fn load(family: Family, id: u32) -> Loaded {
    let world = world();
    let running = Running::begin(family, id);
    let began = running.began;
    tokio::time::sleep(world.bodies.pause(&world.random)).await;
    let version = world.rows.read(id).await;
    tokio::time::sleep(world.bodies.pause(&world.random)).await;
    if world.random.percent(world.bodies.failing) {
        return Err(Failed { began });
    }
    Ok(View {
        id,
        version,
        author: author_of(version),
        began,
        process: world.process,
    })
}

struct Running {
    family: Family,
    id: u32,
    began: Nanos,
    asked: Nanos,
    missed: bool,
}

impl Running {
    fn begin(family: Family, id: u32) -> Self {
        let began = clock::now();
        let (asked, missed) = ASKED
            .try_with(|asked| {
                asked.ran.set(Some(began));
                (asked.at, asked.missed)
            })
            .unwrap_or((began, false));
        Self {
            family,
            id,
            began,
            asked,
            missed,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let &mut Self {
            family,
            id,
            began,
            asked,
            missed,
        } = self;
        world().teller.tell(Event::Load(Load {
            asked,
            begin: began,
            end: clock::now(),
            family,
            id,
            missed,
        }));
    }
}
