//! `invalidates` with expressions: conditional removals, and one for each element of a result. What an expression of arguments
//! names is known before the body, what one of the result names is bounded, so the writer's own body does not get it either.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::Poll;

use cache_runtime::testing::Scope;
use cache_runtime::{
    CacheConfig, CacheKey, KeyPrefix, Pattern, Tag, assert_hit, assert_miss, cached, deferred,
};
use tokio::sync::Notify;

use crate::places::everywhere;

/// The rows, as the database would give them to the one connection of this task.
static ROWS: AtomicU64 = AtomicU64::new(1);

#[cached(ttl = "1h", key = "job:<id>")]
async fn job(id: u64) -> u64 {
    id * 1_000 + ROWS.load(SeqCst)
}

#[cached(ttl = "1h", key = "front:<page>", tags = "page:<page>")]
async fn front(page: u64) -> u64 {
    ROWS.load(SeqCst) + page
}

/// Hidden jobs are not on the front page.
#[cached(invalidates = ["job:<id>", (!hidden).then(|| KeyPrefix::of("front"))])]
async fn change(id: u64, hidden: bool, to: u64) -> Result<(), String> {
    ROWS.store(to, SeqCst);
    assert_eq!(job(id).await, id * 1_000 + to);
    let expected = if hidden { 1 } else { to };
    assert_eq!(front(0).await, expected, "the condition holds in the body");
    if to == 0 {
        Err("rolled back".to_owned())
    } else {
        Ok(())
    }
}

struct Closed {
    id: u64,
    page: Option<u64>,
}

/// What is closed is known from the answer of the database.
#[cached(
    invalidates = [
        result.iter().map(|closed| CacheKey::of("job").segment(&closed.id)),
        result.iter().filter_map(|closed| closed.page).map(|page| Tag::of("page").segment(&page)),
    ],
    invalidates_within = ["job:", "#page:"],
)]
async fn close(ids: Vec<u64>, to: u64) -> Result<Vec<Closed>, String> {
    ROWS.store(to, SeqCst);
    for id in &ids {
        assert_eq!(
            job(*id).await,
            id * 1_000 + to,
            "a writer reads what it has written"
        );
    }
    assert_eq!(front(1).await, to + 1);
    if to == 0 {
        return Err("rolled back".to_owned());
    }
    let page = |id: &u64| (*id == 1).then_some(1);
    Ok(ids
        .iter()
        .map(|id| Closed {
            id: *id,
            page: page(id),
        })
        .collect())
}

async fn start() {
    ROWS.store(1, SeqCst);
    for id in 1..=3 {
        job::refresh(id).await;
        front::refresh(id - 1).await;
    }
    assert_eq!(assert_hit!(job(1)), 1_001);
    assert_eq!(assert_hit!(front(0)), 1);
}

async fn conditions() {
    start().await;
    change(1, true, 2).await.unwrap();
    assert_eq!(assert_miss!(job(1)), 1_002);
    assert_eq!(assert_hit!(front(0)), 1, "the condition did not hold");

    start().await;
    change(1, false, 2).await.unwrap();
    assert_eq!(assert_miss!(job(1)), 1_002);
    assert_eq!(assert_miss!(front(0)), 2, "nothing was stored by the body");
}

#[tokio::test]
async fn a_conditional_removal_is_made_if_the_condition_holds() {
    everywhere(conditions).await;
}

async fn elements() {
    start().await;
    close(vec![1, 2], 2).await.unwrap();
    assert_eq!(assert_miss!(job(1)), 1_002);
    assert_eq!(assert_miss!(job(2)), 2_002);
    assert_eq!(assert_miss!(front(1)), 3);
    assert_eq!(
        assert_hit!(job(3)),
        3_001,
        "only what the result names is removed"
    );
    assert_eq!(assert_hit!(front(2)), 3);
}

#[tokio::test]
async fn every_element_of_a_result_can_be_removed() {
    everywhere(elements).await;
}

async fn failures() {
    start().await;
    change(1, false, 0).await.unwrap_err();
    close(vec![1], 0).await.map(|_| ()).unwrap_err();
    ROWS.store(1, SeqCst);
    assert_eq!(assert_hit!(job(1)), 1_001, "nothing was removed or stored");
    assert_eq!(assert_hit!(front(0)), 1);
    assert_eq!(assert_hit!(front(1)), 2);
}

#[tokio::test]
async fn a_writer_with_expressions_that_fails_leaves_everything_as_it_was() {
    everywhere(failures).await;
}

async fn transactions() {
    for commits in [false, true] {
        start().await;
        let ended = deferred(async {
            change(1, false, 2).await.map_err(drop)?;
            close(vec![2], 2).await.map_err(drop)?;
            assert_eq!(
                (job(1).await, job(2).await, front(0).await),
                (1_002, 2_002, 2)
            );
            if commits { Ok(()) } else { Err(()) }
        });
        assert_eq!(ended.await.is_ok(), commits);
        if commits {
            assert_eq!(assert_miss!(job(2)), 2_002);
            assert_eq!(assert_miss!(front(0)), 2);
        } else {
            ROWS.store(1, SeqCst);
            assert_eq!(assert_hit!(job(2)), 2_001);
            assert_eq!(assert_hit!(front(0)), 1);
        }
    }
}

#[tokio::test]
async fn what_expressions_name_waits_for_the_commit() {
    everywhere(transactions).await;
}

/// Never returns, so it is never known what it would have named.
#[cached(
    invalidates = [CacheKey::of("job").segment(result), hidden.then(|| Tag::of("page:0"))],
    invalidates_within = "job:<id>",
)]
async fn never_ends(id: u64, hidden: bool, read: Option<&Notify>) -> Result<Option<u64>, String> {
    ROWS.store(9, SeqCst);
    assert_eq!(job(id).await, id * 1_000 + 9);
    let read = read.expect("a panic was asked for");
    read.notify_one();
    pending().await
}

async fn has_panicked<T>(work: impl Future<Output = T>) -> bool {
    let mut work = pin!(work);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(polled) => polled.map(|_| false),
            Err(_) => Poll::Ready(true),
        },
    )
    .await
}

async fn unfinished() {
    for panics in [false, true] {
        start().await;
        let read = Notify::new();
        if panics {
            assert!(has_panicked(never_ends(1, true, None)).await);
        } else {
            tokio::select! {
                _ = never_ends(1, true, Some(&read)) => panic!("it never ends"),
                () = read.notified() => {}
            }
        }
        // It is not known whether it was committed, so all that it could have named is removed. Here it was not.
        ROWS.store(1, SeqCst);
        assert_eq!(assert_miss!(job(1)), 1_001);
        assert_eq!(assert_miss!(front(0)), 1);
        assert_eq!(
            assert_hit!(job(2)),
            2_001,
            "`invalidates_within` does not cover it"
        );
    }
}

#[tokio::test]
async fn a_writer_that_is_dropped_or_panics_removes_all_that_its_expressions_could_have_named() {
    everywhere(unfinished).await;
}

/// One that finds nothing has no value that could say what to remove.
#[cached(invalidates = CacheKey::of("job").segment(&result), invalidates_within = "job:")]
async fn find_and_close(id: Option<u64>) -> Result<Option<u64>, String> {
    Ok(id)
}

async fn absences() {
    start().await;
    find_and_close(Some(1)).await.unwrap();
    assert_miss!(job(1));
    assert_hit!(job(2));
    find_and_close(None).await.unwrap();
    assert_miss!(job(2));
    assert_hit!(front(0));
}

#[tokio::test]
async fn without_a_value_all_within_the_bounds_is_removed() {
    everywhere(absences).await;
}

#[cached(invalidates = [result.iter().map(|id| CacheKey::of("job").segment(id)), spare], invalidates_within = "job:")]
async fn close_many(ids: Vec<u64>, spare: Option<Pattern>) -> Vec<u64> {
    ids
}

#[cached(invalidates = ids.iter().map(|id| CacheKey::of("other").segment(id)))]
async fn close_others(ids: Vec<u64>) {}

async fn too_many() {
    start().await;
    close_many((100..228).collect(), None).await;
    assert_hit!(job(1));
    close_many((100..229).collect(), Some(Pattern::tag("page:1"))).await;
    assert_miss!(job(1));
    assert_miss!(front(1));
    assert_hit!(front(0));
    close_others((0..1_000).collect()).await;
    assert_hit!(front(0));
    close_others((0..1_001).collect()).await;
    assert_miss!(front(0));
}

#[tokio::test]
async fn too_many_patterns_become_those_that_cover_them() {
    let scope = Scope::with(CacheConfig::default()).unwrap();
    scope.run(too_many()).await;
}

#[cached(invalidates = [result.clone(), KeyPrefix::of("unused")], invalidates_within = "job:")]
async fn names_more_than_it_said(more: Pattern) -> Vec<Pattern> {
    vec![more]
}

async fn outside() {
    start().await;
    names_more_than_it_said(Pattern::tag("page:0")).await;
    assert_miss!(front(0));
    assert_hit!(job(1));
}

#[tokio::test]
async fn what_is_outside_of_the_bounds_is_removed_all_the_same() {
    everywhere(outside).await;
}

struct Board {
    front: &'static str,
}

impl Board {
    /// Reads and removes: a hit removes nothing.
    #[cached(ttl = "1h", key = "board:<id>", invalidates = [self.front(), Self::counted(id)])]
    async fn rebuild(&self, id: u64) -> u64 {
        id
    }

    fn front(&self) -> KeyPrefix {
        KeyPrefix::of(self.front)
    }

    fn counted(id: u64) -> Option<CacheKey> {
        (id > 1).then(|| CacheKey::of("job").segment(&id))
    }
}

async fn methods() {
    start().await;
    let board = Board { front: "front" };
    assert_miss!(board.rebuild(1));
    assert_miss!(front(0));
    assert_hit!(job(1));
    assert_hit!(board.rebuild(1));
    assert_hit!(front(0));
    assert_miss!(board.rebuild(2));
    assert_miss!(job(2));
}

#[tokio::test]
async fn methods_use_self_in_the_expression() {
    everywhere(methods).await;
}
