//! Bodies that are bound to their thread, in each kind of function.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use cache_runtime::cached;

#[cached(ttl = "list", ?Send)]
async fn read(id: u64) -> u64 {
    let shared = Rc::new(id);
    tokio::task::yield_now().await;
    *shared
}

#[cached(ttl = "list", key = "of:<id>", skip(seen), when = |id: &u64| *id > 0, tags = ["id:<result>"], ?Send)]
async fn borrows(seen: &Cell<u64>, id: u64) -> u64 {
    seen.set(id);
    tokio::task::yield_now().await;
    id
}

#[cached(put, key = "of:<id>", ?Send)]
async fn put(id: u64) -> u64 {
    read(id).await
}

#[cached(invalidates = "of:<id>", ?Send)]
async fn write(id: u64) -> Rc<u64> {
    Rc::new(id)
}

struct Repo(Rc<u64>);

impl Repo {
    /// The form that `async_trait(?Send)` generates.
    #[cached(ttl = "list", skip(self), companions = false)]
    fn boxed<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = u64> + 'a>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            *self.0 + id
        })
    }
}

trait Source {
    async fn load(&self, id: u64) -> u64;
}

/// Whether its future is `Send` depends on what it is made for.
#[cached(ttl = "list", skip(source, S), ?Send)]
async fn of_any<S: Source>(source: &S, id: u64) -> u64 {
    source.load(id).await
}

impl Source for u64 {
    async fn load(&self, id: u64) -> u64 {
        *self + id
    }
}

fn is_send(_: impl Send) {}

fn main() {
    is_send(of_any(&1, 2));
    drop((read(1), borrows(&Cell::new(1), 1), put(1), write(1), Repo(Rc::new(1)).boxed(1)));
}
