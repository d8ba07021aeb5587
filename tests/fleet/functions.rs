//! The cached functions under test.

use cache_runtime::{CacheKey, cached};

use crate::body::{ASKED, Loaded, load, load_on_thread, world};
use crate::catalogue::{Failed, Family, GROUPS};
use crate::clock;
use crate::names::{Author, Group, Row};
use crate::transactions::check;
use crate::uncommitted;

#[cached(ttl = "5s", key = "item:<row.name()>")]
pub(crate) async fn item(row: Row) -> Loaded {
    load(Family::Item, row.0).await
}

#[cached(ttl = "5s", key = "exact:<row.name()>", near = false)]
pub(crate) async fn exact(row: Row) -> Loaded {
    load(Family::Exact, row.0).await
}

#[cached(
    ttl = "5s",
    key = "tagged:<group.name()>:<row.name()>",
    tags = "group:<group.name()>"
)]
pub(crate) async fn tagged(group: Group, row: Row) -> Loaded {
    load(Family::Tagged, row.0).await
}

#[cached(
    ttl = "5s",
    key = "late:<row.name()>",
    tags = "author:<result.writer()>",
    near = false
)]
pub(crate) async fn late(row: Row) -> Loaded {
    load(Family::Late, row.0).await
}

#[cached(
    ttl = "5s",
    key = "own:<row.name()>:view",
    invalidates = "own:<row.name()>:"
)]
pub(crate) async fn own(row: Row) -> Loaded {
    load(Family::Own, row.0).await
}

#[cached(ttl = "500ms", key = "aging:<row.name()>", stale = "2s", early = 2.0)]
pub(crate) async fn aging(row: Row) -> Loaded {
    load(Family::Aging, row.0).await
}

#[cached(
    ttl = "500ms",
    key = "patient:<row.name()>",
    tags = "author:<result.writer()>",
    near = false,
    stale = "500ms",
    stale_on_error = "4s",
    soft_timeout = "10ms",
    timeout = "60ms"
)]
pub(crate) async fn patient(row: Row) -> Loaded {
    load(Family::Patient, row.0).await
}

#[cached(ttl = "5s", key = CacheKey::new(&format!("hand:{}", row.0)))]
pub(crate) async fn hand(row: Row) -> Loaded {
    load(Family::Hand, row.0).await
}

#[cached(ttl = "5s", key = CacheKey::new(&format!("45:hand:{}", row.0)))]
pub(crate) async fn nested(row: Row) -> Loaded {
    load(Family::Nested, row.0).await
}

#[cached(ttl = "60s", key = "bulk:<row.name()>")]
pub(crate) async fn bulk(row: Row) -> Loaded {
    load(Family::Bulk, row.0).await
}

/// On the thread that calls it.
#[cached(ttl = "5s", key = "thread:<row.name()>")]
pub(crate) fn on_thread(row: Row) -> Loaded {
    load_on_thread(Family::Thread, row.0)
}

#[cached(ttl = "5s", key = "item:<row.name()>", put)]
pub(crate) async fn put_item(row: Row) -> Loaded {
    world().rows.change(row.0).await;
    load(Family::Item, row.0).await
}

#[cached(ttl = "5s", key = "exact:<row.name()>", put, near = false)]
pub(crate) async fn put_exact(row: Row) -> Loaded {
    world().rows.change(row.0).await;
    load(Family::Exact, row.0).await
}

/// Everything but `own` that shows a row.
#[cached(invalidates = [
    "item:<row.name()>",
    "exact:<row.name()>",
    "tagged:<group.name()>:<row.name()>",
    "late:<row.name()>",
    "aging:<row.name()>",
    "patient:<row.name()>",
    "hand:<row.0>",
    "45:hand:<row.0>",
    "bulk:<row.name()>",
    "thread:<row.name()>",
])]
pub(crate) async fn write_row(group: Group, row: Row) -> Result<u64, Failed> {
    let version = world().rows.change(row.0).await;
    wrote();
    Ok(version)
}

/// The same inside of a transaction: what it writes is not committed yet, and it reads it at once.
#[cached(invalidates = [
    "item:<row.name()>",
    "exact:<row.name()>",
    "tagged:<group.name()>:<row.name()>",
    "late:<row.name()>",
    "aging:<row.name()>",
    "patient:<row.name()>",
    "hand:<row.0>",
    "45:hand:<row.0>",
    "bulk:<row.name()>",
    "thread:<row.name()>",
])]
pub(crate) async fn change_row(group: Group, row: Row, family: Family) -> Result<u64, Failed> {
    let version = uncommitted::write(row.0);
    // Boxed, because this is one of the functions that such a read may call.
    Box::pin(check(version, read(family, row.0))).await;
    Ok(version)
}

/// Keys by their names: those of a list of rows, and those of pages that nobody has read. The first has gone from memory for a
/// while when the last has, and only then is Redis told.
#[cached(invalidates = ["=item:<items>", "=pages:<items>:<pages>"])]
async fn write_items(items: &[String], pages: &[u32], row: Row) -> Result<u64, Failed> {
    let version = world().rows.change(row.0).await;
    wrote();
    Ok(version)
}

/// Writes a row, and removes it as an element of a list.
pub(crate) async fn write_pages(row: Row) -> Result<u64, Failed> {
    let pages: Vec<u32> = (1..=48).collect();
    write_items(&[row.name()], &pages, row).await
}

/// The views of a group of rows, by tag.
#[cached(invalidates = ["#group:<group.name()>"])]
pub(crate) async fn write_group(group: Group) -> Result<u64, Failed> {
    let version = world().rows.change(group.0).await;
    wrote();
    Ok(version)
}

/// The views of what an author has written, by tag.
#[cached(invalidates = ["#author:<author.name()>"])]
pub(crate) async fn write_author(author: Author, row: Row) -> Result<u64, Failed> {
    let version = world().rows.change(row.0).await;
    wrote();
    Ok(version)
}

/// A caller that is dropped from here on owes the removal.
pub(crate) fn wrote() {
    let _ = ASKED.try_with(|asked| asked.wrote.set(Some(clock::now())));
}

/// The group of a row.
pub(crate) fn group_of(id: u32) -> Group {
    Group(id % GROUPS)
}

/// A load on a thread that may block. If the runtime ends before it begins, it fails.
async fn blocking(load: impl FnOnce() -> Loaded + Send + 'static) -> Loaded {
    match tokio::task::spawn_blocking(load).await {
        Ok(loaded) => loaded,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failed {
                began: clock::now(),
            }),
        },
    }
}

/// A read of one row in one family.
pub(crate) async fn read(family: Family, id: u32) -> Loaded {
    let row = Row(id);
    match family {
        Family::Item => item(row).await,
        Family::Exact => exact(row).await,
        Family::Tagged => tagged(group_of(id), row).await,
        Family::Late => late(row).await,
        Family::Own => own(row).await,
        Family::Aging => aging(row).await,
        Family::Patient => patient(row).await,
        Family::Hand => hand(row).await,
        Family::Nested => nested(row).await,
        Family::Bulk => bulk(row).await,
        Family::Thread => blocking(move || on_thread(row)).await,
    }
}

/// The same, loaded now, whatever stands.
pub(crate) async fn refresh(family: Family, id: u32) -> Loaded {
    let row = Row(id);
    match family {
        Family::Item => item::refresh(row).await,
        Family::Exact => exact::refresh(row).await,
        Family::Tagged => tagged::refresh(group_of(id), row).await,
        Family::Late => late::refresh(row).await,
        Family::Own => own::refresh(row).await,
        Family::Aging => aging::refresh(row).await,
        Family::Patient => patient::refresh(row).await,
        Family::Hand => hand::refresh(row).await,
        Family::Nested => nested::refresh(row).await,
        Family::Bulk => bulk::refresh(row).await,
        Family::Thread => blocking(move || on_thread::refresh(row)).await,
    }
}
