use cache_runtime::cached;

use cache_runtime::{CacheKey, Invalidation};

#[derive(serde::Serialize, serde::Deserialize, Clone)]
struct Page {
    skip: u32,
}

#[cached(key = "list:<page.skip>", skip(db))]
async fn list(page: &Page, db: &str) -> Vec<String> {
    vec![db.to_owned(), page.skip.to_string()]
}

#[cached(ttl = "list")]
async fn generic<T, const N: usize>(of: T) -> [T; 1]
where
    T: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    [of]
}

struct Repo {
    tenant: u64,
}

impl Repo {
    #[cached(key = "repo:<self.tenant>:<id>", companions = "load")]
    async fn load(&self, id: u64) -> u64 {
        self.tenant + id
    }

    #[cached(key = "count:<id>", companions = false)]
    async fn count(id: u64) -> u64 {
        id
    }
}

async fn used() -> (Invalidation, Vec<String>, Vec<String>, u64, u64, u64) {
    let page = Page { skip: 1 };
    let repo = Repo { tenant: 1 };
    (
        list::invalidate(&page).await,
        list::refresh(&page, "db").await,
        list::uncached(&page, "db").await,
        repo.load_refresh(7).await,
        repo.load_uncached(7).await,
        Repo::count(7).await,
    )
}

fn main() {
    let key: CacheKey = list::key(&Page { skip: 20 });
    assert_eq!(key.as_str(), "list:20");
    assert_eq!(Repo { tenant: 3 }.load_key(7).as_str(), "repo:3:7");
    assert_ne!(generic::key::<u8, 1>(7), generic::key::<u8, 2>(7));
    assert_ne!(generic::key::<u8, 1>(7), generic::key::<u16, 1>(7));
    let _ = (used(), generic::<u8, 1>(1));
}
