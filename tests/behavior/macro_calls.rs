//! What the expansions of `#[cached]` do when they are called. Memory only, no network.

mod generic;
mod tags;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cache_runtime::cached;

/// Counts how often a body ran.
static RUNS: [AtomicU32; 18] = [const { AtomicU32::new(0) }; 18];

fn ran(body: usize) -> u32 {
    RUNS[body].fetch_add(1, SeqCst) + 1
}

#[cached(ttl = "list", key = "read:<id>")]
async fn read(id: u32) -> Result<u32, String> {
    let run = ran(0);
    if id == 99 {
        return Err(format!("run {run}"));
    }
    Ok(run)
}

#[tokio::test]
async fn a_hit_skips_the_body_and_an_error_is_not_kept() {
    assert_eq!((read(1).await, read(1).await), (Ok(1), Ok(1)));
    assert_eq!(read(2).await, Ok(2));
    assert_ne!(read(99).await, read(99).await);
}

#[cached(ttl = "list", key = "arc:<id>")]
async fn shared(id: u32) -> Arc<Vec<u32>> {
    Arc::new(vec![id])
}

#[tokio::test]
async fn a_hit_on_an_arc_is_the_same_allocation() {
    assert!(Arc::ptr_eq(&shared(1).await, &shared(1).await));
}

#[cached(key = "none:<id>")]
async fn nothing(id: u32) -> Option<u32> {
    ran(1);
    (id > 5).then_some(id)
}

#[cached(key = "none_kept:<id>", none_ttl = "1h")]
async fn nothing_kept(id: u32) -> Result<Option<u32>, String> {
    ran(2);
    Ok((id > 5).then_some(id))
}

#[tokio::test]
async fn none_is_kept_where_none_ttl_says_so() {
    assert_eq!(
        (nothing(1).await, nothing(1).await, RUNS[1].load(SeqCst)),
        (None, None, 2)
    );
    assert_eq!(
        (nothing_kept(1).await, nothing_kept(1).await),
        (Ok(None), Ok(None))
    );
    assert_eq!(RUNS[2].load(SeqCst), 1);
}

#[cached(key = "when:<id>", when = |value| *value > 1)]
async fn kept_when(id: u32) -> u32 {
    let _ = id;
    ran(3)
}

#[tokio::test]
async fn when_decides_what_is_kept() {
    assert_eq!(
        (kept_when(1).await, kept_when(1).await, kept_when(1).await),
        (1, 2, 2)
    );
}

#[cached(key = "job:<id>", tags = ["owner:<result.1>"])]
async fn job(id: u32) -> (u32, u32) {
    (ran(4), id / 10)
}

#[cached(invalidates = "job:<result>")]
async fn change(id: u32) -> Result<u32, String> {
    if id == 0 { Err("no".into()) } else { Ok(id) }
}

#[cached(invalidates = "#owner:<owner>", invalidates_on = "always")]
async fn change_owner(owner: u32) -> Result<(), String> {
    Err(owner.to_string())
}

#[tokio::test]
async fn a_write_removes_what_it_names() {
    let (first, other) = (job(21).await, job(22).await);
    change(21).await.unwrap();
    assert_ne!(job(21).await, first);
    assert_eq!(job(22).await, other);
    change(0).await.unwrap_err();
    assert_eq!(job(22).await, other);
    change_owner(2).await.unwrap_err();
    assert_ne!(job(22).await, other);
}

#[cached(put, key = "put:<id>", skip(value))]
async fn put(id: u32, value: u32) -> u32 {
    let _ = id;
    value
}

#[cached(key = "put:<id>")]
async fn put_read(id: u32) -> u32 {
    id
}

#[tokio::test]
async fn a_put_replaces_the_entry() {
    assert_eq!(put_read(1).await, 1);
    assert_eq!(put(1, 7).await, 7);
    assert_eq!(put_read(1).await, 7);
}

#[cached(key = "companions:<id>", skip(step))]
async fn counted(id: u32, step: u32) -> u32 {
    let _ = id;
    ran(5) * step
}

#[tokio::test]
async fn companions_remove_refresh_and_go_past_the_cache() {
    assert_eq!(counted::key(1).as_str(), "companions:1");
    assert_eq!((counted(1, 1).await, counted(1, 1).await), (1, 1));
    assert_eq!((counted::uncached(1, 1).await, counted(1, 1).await), (2, 1));
    assert_eq!((counted::refresh(1, 1).await, counted(1, 1).await), (3, 3));
    counted::invalidate(1).await;
    assert_eq!(counted(1, 1).await, 4);
}

#[cached(key = "all_of:<id>:name")]
async fn all_of(id: u32) -> u32 {
    id + ran(12)
}

#[cached(ttl = "list")]
async fn all_of_automatic(id: u32) -> u32 {
    id + ran(13)
}

#[tokio::test]
async fn a_companion_removes_what_any_call_left() {
    assert_eq!((all_of(10).await, all_of(20).await), (11, 22));
    assert_eq!(all_of::invalidate_all().await.removed, 2);
    assert_eq!((all_of(10).await, all_of(20).await), (13, 24));
    assert_eq!(all_of_automatic(10).await, 11);
    assert_eq!(all_of_automatic::invalidate_all().await.removed, 1);
    assert_eq!(all_of_automatic(10).await, 12);
}

#[tokio::test]
#[deny(unused_must_use)]
async fn a_removal_may_be_left_without_a_look_at_what_it_came_to() {
    counted::invalidate(9).await;
    cache_runtime::cache().delete("nothing").await;
    cache_runtime::cache().invalidate_prefix("nothing:").await;
}

#[cached(invalidates = "left_out:", skip(trace))]
async fn with_a_trace(trace: u32) -> u32 {
    trace
}

#[tokio::test]
async fn a_write_may_say_which_arguments_do_not_matter() {
    assert_eq!(with_a_trace(3).await, 3);
}

/// The local functions of two others have one name, and one automatic key each.
#[tokio::test]
async fn functions_of_one_name_have_automatic_keys_of_their_own() {
    async fn one() -> u32 {
        #[cached(ttl = "list")]
        async fn local() -> u32 {
            1
        }
        local().await
    }
    async fn two() -> u32 {
        #[cached(ttl = "list", companions = false)]
        async fn local() -> u32 {
            2
        }
        local().await
    }
    async fn three() -> u32 {
        #[cached(ttl = "list")]
        async fn local() -> u32 {
            3
        }
        local::invalidate().await;
        local().await
    }
    assert_eq!((one().await, two().await, three().await), (1, 2, 3));
    // One that is local to nothing has its path.
    let path = concat!(module_path!(), "::all_of_automatic:7");
    assert_eq!(all_of_automatic::key(7).as_str(), path);
}

/// The methods of two types, of which nothing says that they are methods.
#[tokio::test]
async fn methods_of_one_name_have_automatic_keys_of_their_own() {
    struct One;
    struct Two;
    impl One {
        #[cached(ttl = "list", companions = false)]
        async fn load() -> u32 {
            1
        }
    }
    impl Two {
        #[cached(ttl = "list", companions = false)]
        async fn load() -> u32 {
            2
        }
    }
    assert_eq!((One::load().await, Two::load().await), (1, 2));
}

/// A module and a type go before the companions that would have their names.
mod shares_names {
    use cache_runtime::cached;

    pub(super) mod users {
        pub(super) const COUNT: u32 = 7;
    }

    #[cached(key = "shares:<id>")]
    pub(super) async fn users(id: u32) -> u32 {
        users::COUNT + id
    }

    #[cached(key = "shares:f64:<id>")]
    pub(super) async fn f64(id: u32) -> f64 {
        f64::from(id)
    }
}

#[tokio::test]
async fn a_function_may_be_called_like_a_module_or_a_type() {
    assert_eq!(shares_names::users(1).await, 8);
    assert!((shares_names::f64(2).await - 2.0).abs() < 0.1);
}

macro_rules! cached_block {
    ($name:ident($id:ident: $ty:ty) -> $returned:ty, $key:literal, $body:block) => {
        #[cached(key = $key)]
        async fn $name($id: $ty) -> $returned $body
    };
}

cached_block!(from_a_macro(id: u32) -> Option<u32>, "from_a_macro:<id>", { Some(id + 1) });

#[tokio::test]
async fn a_macro_may_write_the_function_and_take_its_body_as_a_block() {
    assert_eq!(from_a_macro(1).await, Some(2));
    assert_eq!(from_a_macro::key(1).as_str(), "from_a_macro:1");
}

#[cached(ttl = "list")]
async fn of_type<T>(id: u32) -> (u32, Option<T>)
where
    T: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let _ = id;
    (ran(6), None)
}

#[tokio::test]
async fn instances_of_a_generic_function_have_keys_of_their_own() {
    assert_eq!(
        (
            of_type::<u8>(1).await.0,
            of_type::<u16>(1).await.0,
            of_type::<u8>(1).await.0
        ),
        (1, 2, 1)
    );
}

struct Repo {
    tenant: u32,
}

impl Repo {
    #[cached(key = "repo:<self.tenant>:<id>", companions = "load")]
    async fn load(&self, id: u32) -> u32 {
        ran(7);
        self.tenant * 100 + id
    }

    #[cached(key = "boxed:<self.tenant>:<id>")]
    fn boxed<'a>(
        &'a self,
        id: u32,
    ) -> Pin<Box<dyn Future<Output = Result<u32, String>> + Send + 'a>> {
        Box::pin(async move {
            let id: u32 = id
                .to_string()
                .parse::<u32>()
                .map_err(|error| error.to_string())?;
            ran(8);
            Ok(self.tenant * 100 + id)
        })
    }
}

#[tokio::test]
async fn methods_are_cached_by_what_the_key_takes_from_self() {
    let (one, two) = (Repo { tenant: 1 }, Repo { tenant: 2 });
    assert_eq!(
        (one.load(5).await, two.load(5).await, one.load(5).await),
        (105, 205, 105)
    );
    assert_eq!(RUNS[7].load(SeqCst), 2);
    assert_eq!((one.boxed(5).await, one.boxed(5).await), (Ok(105), Ok(105)));
    assert_eq!(RUNS[8].load(SeqCst), 1);
}

/// Gives nothing, and its last line is the author's in the eyes of
/// `clippy::semicolon_if_nothing_returned`, which the workspace asks for.
#[cached(invalidates = "forgotten:")]
async fn forget(name: String) {
    drop(name);
}

#[cached(key = "forgotten:<id>")]
async fn forgotten(id: u32) -> u32 {
    id + ran(11)
}

#[tokio::test]
async fn a_write_that_returns_nothing_removes() {
    assert_eq!((forgotten(0).await, forgotten(0).await), (1, 1));
    forget("all".to_owned()).await;
    assert_eq!(forgotten(0).await, 2);
}

#[cached(key = "both:<id>", invalidates = "under_both:")]
async fn both(id: u32) -> u32 {
    let _ = id;
    ran(9)
}

#[cached(key = "under_both:<id>")]
async fn under_both(id: u32) -> u32 {
    let _ = id;
    ran(10)
}

#[tokio::test]
async fn a_read_that_invalidates_does_so_only_when_its_body_runs() {
    assert_eq!(under_both(1).await, 1);
    assert_eq!(both(1).await, 1);
    assert_eq!(under_both(1).await, 2);
    assert_eq!((both(1).await, under_both(1).await), (1, 2));
}

#[tokio::test]
async fn an_argument_may_be_called_like_its_function() {
    #[cached(key = "tag:<tag>")]
    async fn tag(tag: u32) -> u32 {
        tag + 1
    }

    assert_eq!((tag(1).await, tag::refresh(1).await), (2, 2));
    assert_eq!((tag::uncached(1).await, tag::key(1).as_str()), (2, "tag:1"));
    assert_eq!(tag::invalidate(1).await.removed, 1);
}

#[test]
fn the_callers_future_stays_small() {
    async fn large() -> u32 {
        let bytes = [1_u8; 4096];
        tokio::task::yield_now().await;
        bytes.iter().map(|byte| u32::from(*byte)).sum()
    }

    #[cached(key = "large:<id>")]
    async fn cached_large(id: u32) -> u32 {
        large().await + id
    }

    let size = size_of_val(&cached_large(1));
    assert!(size < 1024, "{size} bytes");
}
