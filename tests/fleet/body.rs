//! The one body of all cached functions, and what it needs of its process.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::catalogue::{Failed, Family, View, author_of};
use crate::clock::{self, Nanos};
use crate::database::Rows;
use crate::history::{Event, Load, ProcessId};
use crate::names::Tenant;
use crate::plan::Bodies;
use crate::random::Random;
use crate::telling::Teller;
use crate::uncommitted;

/// What the bodies need of their process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) process: ProcessId,
    pub(crate) tenant: Tenant,
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

pub(crate) type Loaded = Result<View, Failed>;

/// A load: some time, a look at the database, some more time. Tells when it began and ended, also when it is dropped.
pub(crate) async fn load(family: Family, id: u32) -> Loaded {
    let world = world();
    let running = Running::begin(family, id);
    let began = running.began;
    tokio::time::sleep(world.bodies.pause(&world.random)).await;
    let version = match uncommitted::version(id) {
        Some(version) => version,
        None => world.rows.read(id).await,
    };
    if let Some(length) = world.bodies.computes(&world.random) {
        // To the runtime it is the same: a thread that does not come back. But the others keep the processor.
        std::thread::sleep(length);
    }
    tokio::time::sleep(world.bodies.pause(&world.random)).await;
    result(id, version, began)
}

/// The same of a function that is not `async`.
pub(crate) fn load_on_thread(family: Family, id: u32) -> Loaded {
    let world = world();
    let running = Running::begin(family, id);
    let began = running.began;
    std::thread::sleep(world.bodies.pause(&world.random));
    let version = world.rows.read_on_thread(id);
    std::thread::sleep(world.bodies.pause(&world.random));
    result(id, version, began)
}

fn result(id: u32, version: u64, began: Nanos) -> Loaded {
    let world = world();
    if world.random.percent(world.bodies.failing) {
        return Err(Failed { began });
    }
    Ok(View {
        id,
        version,
        author: author_of(version),
        began,
        process: world.process,
        tenant: world.tenant,
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
