use cache_runtime::cached;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Job {
    id: u64,
}

#[derive(Debug)]
struct DbError;

impl From<std::num::ParseIntError> for DbError {
    fn from(_: std::num::ParseIntError) -> Self {
        Self
    }
}

#[cached(ttl = "list", key = "early:<id>")]
async fn early(id: &str) -> Result<Option<Arc<Job>>, DbError> {
    if id.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(Job { id: id.parse()? })))
}

#[cached(ttl = "list", key = "coerced:<id>")]
async fn coerced(id: u8) -> Box<[u8]> {
    if id == 0 {
        return Box::new([]);
    }
    Box::new([id])
}

#[cached(ttl = "list", key = "bound:<a>:<b.id>:<id>:<name.trim()>:<xs[0]>")]
async fn destructured((a, b): (u32, Job), Job { id }: Job, name: &str, xs: [u8; 2]) -> u64 {
    u64::from(a) + b.id + id + name.len() as u64 + u64::from(xs[0])
}

#[cached(ttl = "list")]
async fn opaque(a: impl serde::Serialize + Send) -> impl Sized + Clone + serde::Serialize {
    let _ = a;
    7_u64
}

#[cached(put, key = "job:<job.id>", tags = ["job:<result.id>"])]
async fn moved(job: Job) -> Job {
    job
}

#[cached(ttl = "list")]
async fn generic<'a, T>(of: &'a T) -> Option<T>
where
    T: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    Some(of.clone())
}

trait Load {
    async fn load(&self, id: u64) -> u64;

    #[cached(ttl = "list", ?Send)]
    async fn provided(&self, id: u64) -> u64 {
        self.load(id).await
    }
}

struct Repo<T> {
    tenant: T,
}

impl<T: serde::Serialize + Sync> Load for Repo<T> {
    #[cached(ttl = "list", key = "load:<self.tenant>:<id>")]
    async fn load(&self, id: u64) -> u64 {
        let _ = &self.tenant;
        id
    }
}

impl<T: Send> Repo<T> {
    #[cached(ttl = "list")]
    async fn owned(self, id: u64) -> u64 {
        drop(self.tenant);
        id
    }

    #[cached(ttl = "list", ?Send)]
    async fn shared(self: Arc<Self>, id: u64) -> usize {
        Arc::strong_count(&self) + id as usize
    }

    #[cached(invalidates = "load:")]
    async fn change(&mut self, tenant: T) -> &T {
        self.tenant = tenant;
        &self.tenant
    }

    #[cached(ttl = "list")]
    fn boxed<'a>(
        &'a self,
        id: u64,
    ) -> Pin<Box<dyn Future<Output = Result<u64, DbError>> + Send + 'a>>
    where
        T: Sync,
    {
        Box::pin(async move {
            let _ = &self.tenant;
            if id == 0 {
                return Err(DbError);
            }
            Ok(id)
        })
    }
}

fn sent<T: Send>(future: T) -> T {
    future
}

fn main() {
    let repo = Repo { tenant: 1_u8 };
    let _ = sent(repo.boxed(1));
    let _ = sent(repo.load(1));
    let _ = repo.provided(1);
    let _ = sent(repo.owned(1));
    let _ = sent(Arc::new(Repo { tenant: 1_u8 }).shared(1));
    let _ = sent(Repo { tenant: 1_u8 }.change(2));
    let _ = sent(early("1"));
    let _ = sent(coerced(1));
    let _ = sent(destructured((1, Job { id: 1 }), Job { id: 1 }, "a", [1, 2]));
    let _ = sent(opaque(1));
    let _ = sent(moved(Job { id: 1 }));
    let _ = sent(generic(&1_u8));
}
