//! `#[cached_defaults]`: options that all cached functions of an `impl`, trait or module share.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cache_runtime::{
    Cache, CacheConfig, assert_hit, assert_miss, cached, cached_defaults, observe, testing,
};

fn own_cache() -> Cache {
    Cache::new(CacheConfig::default()).unwrap()
}

struct Repo {
    reads: Cache,
    other: Cache,
    saved: AtomicU64,
}

impl Repo {
    fn new() -> Self {
        Self {
            reads: own_cache(),
            other: own_cache(),
            saved: AtomicU64::new(0),
        }
    }
}

#[cached_defaults(cache = self.reads, ttl = "1m", near = true)]
impl Repo {
    #[cached]
    async fn count(&self) -> u64 {
        self.saved.load(SeqCst)
    }

    #[cached(key = "repo:<id>", companions = "item")]
    async fn item(&self, id: u64) -> u64 {
        id + self.saved.load(SeqCst)
    }

    #[cached(key = "repo:other:<id>", cache = self.other, ttl = "2m")]
    async fn of_other(&self, id: u64) -> u64 {
        id
    }

    /// The TTL does not make a read of it.
    #[cached(invalidates = "repo:<id>")]
    async fn save(&self, id: u64) -> u64 {
        self.saved.fetch_add(id, SeqCst) + id
    }

    /// Without `self`, which the macro knows from the block.
    #[cached(key = "double:<id>", cache = cache_runtime::cache())]
    async fn double(id: u64) -> u64 {
        2 * id
    }
}

#[tokio::test]
async fn the_functions_of_a_block_share_its_options_and_may_have_their_own() {
    testing::scope(async {
        let repo = Repo::new();
        let (count, observed) = observe(repo.count()).await;
        assert_eq!(
            (count, observed.calls()[0].ttl),
            (0, Duration::from_secs(60))
        );
        assert_miss!(repo.item(7));
        assert_miss!(repo.of_other(7));
        assert!(repo.reads.exists("repo:7").await && !repo.other.exists("repo:7").await);
        assert!(
            repo.other.exists("repo:other:7").await && !repo.reads.exists("repo:other:7").await
        );

        assert_eq!(
            (repo.save(7).await, repo.save(7).await),
            (7, 14),
            "a writer always runs"
        );
        assert_eq!(assert_miss!(repo.item(7)), 21);
        assert_eq!(assert_hit!(repo.count()), 0);
        repo.item_invalidate(7).await;
        assert_miss!(repo.item(7));

        assert_miss!(Repo::double(1));
        assert!(cache_runtime::cache().exists("double:1").await);
    })
    .await;
}

static READS: LazyLock<Cache> = LazyLock::new(own_cache);

#[cached_defaults(cache = super::READS, ttl = 60)]
mod jobs {
    use cache_runtime::{cached, cached_defaults};

    #[cached(key = "job:<id>")]
    pub(super) async fn job(id: u64) -> u64 {
        id
    }

    #[cached(invalidates = "job:")]
    pub(super) async fn change() {}

    pub(super) mod within {
        pub(in super::super) struct Named;

        impl Named {
            #[cache_runtime::cached(key = "named:<id>", cache = super::super::READS)]
            pub(in super::super) async fn find(id: u64) -> u64 {
                id
            }
        }
    }

    pub(super) trait Titled {
        const TITLE: u64;

        async fn title(&self) -> u64;
    }

    pub(super) struct Page;

    #[cached_defaults(ttl = 5)]
    impl Titled for Page {
        const TITLE: u64 = 9;

        #[cfg_attr(all(), cached(key = "title"))]
        async fn title(&self) -> u64 {
            Self::TITLE
        }
    }
}

#[tokio::test]
async fn a_module_has_options_for_all_within_it() {
    assert_miss!(jobs::job(1));
    assert_hit!(jobs::job(1));
    assert!(READS.exists("job:1").await);
    jobs::change().await;
    assert_miss!(jobs::job(1));
    jobs::job::invalidate(1).await;
    assert!(!READS.exists("job:1").await);

    assert_miss!(jobs::within::Named::find(1));
    assert!(READS.exists("named:1").await);

    use jobs::Titled as _;
    let (_, observed) = observe(jobs::Page.title()).await;
    assert_eq!(
        observed.calls()[0].ttl,
        Duration::from_secs(5),
        "the innermost block"
    );
    assert_hit!(jobs::Page.title());
    assert_eq!(READS.stats().hits(), 2);
}

/// Passes the attribute, and the item, on as one piece.
macro_rules! passed_on {
    (#[$attribute:meta]; $cache:ident; $item:item) => {
        #[cached_defaults(cache = self.other, ttl = "1m")]
        impl Repo {
            #[$attribute]
            async fn passed_on(&self, id: u64) -> u64 {
                id
            }
        }

        #[cached_defaults(cache = $cache)]
        mod within_a_macro {
            use super::*;

            $item
        }
    };
}

passed_on! {
    #[cached(key = "from-a-macro:<id>")];
    cache;

    #[cached(ttl = "1m", key = "within-a-macro:<id>", skip(cache))]
    pub(super) async fn within(cache: &Cache, id: u64) -> u64 {
        let _ = cache;
        id
    }
}

#[tokio::test]
async fn an_attribute_or_a_function_that_a_macro_was_given_gets_the_options() {
    let repo = Repo::new();
    repo.passed_on(1).await;
    assert_eq!(repo.other.stats().loads, 1);
    within_a_macro::within(&repo.other, 1).await;
    assert_eq!(repo.other.stats().loads, 2);
}
