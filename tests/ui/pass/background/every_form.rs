//! Where the body may run in the background it owns what it uses, and reads as it was written.
#![deny(warnings)]

use cache_runtime::cached;

use std::fmt::Display;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Page {
    skip: u64,
    limit: u64,
}

#[cached(ttl = "list", stale = "1m", skip(db, pool, dir))]
async fn borrowed<'a, 'b: 'a>(
    db: &(impl Display + Clone + Send + Sync + 'static),
    mut name: &'a str,
    tags: &[String],
    page: &'b Page,
    pool: &Arc<Page>,
    dir: &Path,
) -> Result<String, String>
where
    'a: 'a,
{
    name = name.trim();
    let shadowed: &str = name;
    let name = shadowed.to_owned();
    if tags.is_empty() {
        return Err(dir.display().to_string());
    }
    tokio::task::yield_now().await;
    Ok(format!("{db} {name} {} {}", page.skip + page.limit, pool.skip))
}

// Owned already, and what the body does not touch is not asked for anything.
struct NotClone;

#[cached(ttl = "list", early, skip(_unused, fixed))]
async fn owned(
    mut name: String,
    Page { skip, limit }: Page,
    fixed: &'static str,
    _unused: &NotClone,
    of: Option<&'static str>,
) -> String {
    name.push_str(fixed);
    name.push_str(of.unwrap_or_default());
    format!("{name} {}", skip + limit)
}

#[cached(ttl = "list", stale = "1m", when = |found| *found > floor)]
async fn judged(floor: u64) -> u64 {
    floor + 1
}

#[cached(ttl = "list", key = "generic:<T>:<of>", stale = "1m")]
async fn generic<T>(of: &T) -> Option<T>
where
    T: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    Some(of.clone())
}

#[cached(ttl = "list", stale = "1m", tags = ["length:<result>:<name>"])]
async fn tagged(name: &str) -> usize {
    name.len()
}

#[cached(ttl = "list", stale = "1m")]
async fn opaque(name: &str) -> impl Sized + Clone + serde::Serialize {
    name.len()
}

macro_rules! of_type {
    ($name:ident, $ty:ty) => {
        #[cached(ttl = "list", stale = "1m")]
        async fn $name(id: $ty) -> String {
            id.to_string()
        }
    };
}

of_type!(of_str, &str);

#[derive(Clone)]
struct Repo<T> {
    tenant: T,
    ids: Vec<u64>,
}

mod jobs {
    pub(super) fn load(id: u64) -> u64 {
        id
    }
}

trait Load {
    async fn load(&self, id: u64) -> u64;
}

impl<T> Load for Repo<T>
where
    T: serde::Serialize + Clone + Send + Sync + 'static,
{
    #[cached(ttl = "list", key = "load:<self.tenant>:<id>", stale = "1m")]
    async fn load(&self, id: u64) -> u64 {
        fn own(this: &Own) -> u64 {
            this.number()
        }
        struct Own(u64);
        impl Own {
            fn number(&self) -> u64 {
                self.0
            }
        }
        let Self { ids, .. } = self;
        let first = ids.iter().map(|id| id + self.ids[0]).max();
        let all = vec![self.ids.len() as u64, own(&Own(id))];
        assert!(!self.ids.is_empty(), "{} ids", self.ids.len());
        self::jobs::load(first.unwrap_or(all[0]))
    }
}

impl<T: Clone + Send + Sync + 'static> Repo<T> {
    #[cached(ttl = "list", soft_timeout = "1s", stale_on_error = "1h", companions = "by")]
    async fn shared(self: Arc<Self>, id: u64) -> u64 {
        self.ids[0] + id
    }

    #[cached(ttl = "list", stale = "1m")]
    async fn by_arc(self: &Arc<Self>, id: u64) -> u64 {
        Arc::clone(self).ids[0] + id
    }

    #[cached(ttl = "list", stale = "1m")]
    async fn taken(self, id: u64) -> u64 {
        drop(self.tenant);
        id
    }

    // As `async_trait` writes it.
    #[cached(ttl = "list", stale = "1m")]
    fn boxed<'life0, 'life1, 'async_trait>(
        &'life0 self,
        id: u64,
        name: &'life1 str,
    ) -> Pin<Box<dyn Future<Output = Result<u64, String>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if let Some(__ret) = None::<Result<u64, String>> {
                #[allow(unreachable_code)]
                return __ret;
            }
            let __self = self;
            let id = id;
            let __ret: Result<u64, String> = {
                if __self.ids.is_empty() {
                    return Err(name.to_owned());
                }
                Ok(id)
            };
            #[allow(unreachable_code)]
            __ret
        })
    }
}

// Its methods that do not use `self` ask nothing of it.
impl NotClone {
    #[cached(ttl = "list", stale = "1m")]
    async fn load(&self, id: u64) -> u64 {
        id
    }
}

fn sent<T: Send>(future: T) -> T {
    future
}

fn main() {
    let repo = Repo {
        tenant: 1_u8,
        ids: vec![1],
    };
    let page = Page { skip: 0, limit: 1 };
    let arc = Arc::new(repo.clone());
    let name = String::from("name");
    let pool = Arc::new(page.clone());
    let _ = sent(borrowed(&7, &name, &[], &page, &pool, Path::new("/")));
    let _ = sent(owned(String::new(), page.clone(), "fixed", &NotClone, None));
    let _ = sent(judged(1));
    let _ = sent(generic(&1_u8));
    let _ = sent(tagged(&name));
    let _ = sent(opaque(&name));
    let _ = sent(of_str(&name));
    let _ = sent(repo.load(1));
    let _ = sent(repo.boxed(1, &name));
    let _ = sent(arc.by_arc(1));
    let _ = sent(Arc::clone(&arc).shared(1));
    let _ = sent(repo.taken(1));
    let _ = sent(NotClone.load(1));
}
