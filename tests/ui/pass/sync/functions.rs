//! Functions that are not `async`: free and as methods, generic, with all forms of keys and results, and writes.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use cache_runtime::{Cache, CacheKey, cached};

#[cached(ttl = "1h", key = "rate:<currency>")]
fn rate(currency: &str) -> f64 {
    currency.len() as f64
}

#[cached(ttl = 60)]
pub fn automatic(id: u64, name: Option<&str>) -> Result<Option<String>, String> {
    let name = name.ok_or("no name")?;
    if id == 0 {
        return Ok(None);
    }
    Ok(Some(format!("{id}{name}")))
}

#[cached(ttl = "1h", key = CacheKey::of("shared").segment(&id), none_ttl = "1m", near = "5s", jitter = "10%", outage = "bypass")]
fn shared(id: u64) -> Option<Arc<Vec<u64>>> {
    Some(Arc::new(vec![id]))
}

#[cached(ttl = "1h", key = "local:<id>", skip(count), when = |value: &u64| *value > 0, tags = ["of:<result>"])]
fn on_this_thread(id: u64, count: &Rc<Cell<u64>>) -> u64 {
    let more = Rc::clone(count);
    more.set(more.get() + id);
    more.get()
}

#[cached(invalidates = ["rate:", "local:<id>"], invalidates_on = "always")]
fn forget(id: u64) {
    let _ = id;
}

#[cached(invalidates = "rate:<result.0>")]
fn change<'a>(name: &'a str) -> Result<(&'a str, u8), ()> {
    Ok((name, 1))
}

trait Source {
    fn load(&self, id: u64) -> u64;
}

struct Database<T>(T);

impl<T: Copy + Into<u64> + 'static> Database<T> {
    #[cached(ttl = "1h", key = "row:<id>", companions = "row")]
    fn row(&mut self, id: u64) -> u64 {
        self.0.into() + id
    }

    #[cached(ttl = "1h", key = "cache:<id>", cache = cache, skip(cache), companions = false)]
    fn in_another(id: u64, cache: &Cache) -> u64 {
        id
    }
}

impl<T: Copy + Into<u64> + 'static> Source for Database<T> {
    #[cached(ttl = "1h", key = "load:<id>")]
    fn load(&self, id: u64) -> u64 {
        self.0.into() + id
    }
}

fn main() {
    let _: CacheKey = rate::key("EUR");
    let _: f64 = rate::uncached("EUR");
    let _: f64 = rate::refresh("EUR");
    let _ = rate::invalidate("EUR");
    let _ = rate::invalidate_all();
    let _: f64 = rate("EUR");
    let count = Rc::new(Cell::new(1));
    let _: u64 = on_this_thread(1, &count);
    let _: u64 = on_this_thread::uncached(1, &count);
    let mut database = Database(1_u8);
    let _: u64 = database.row(1);
    let _: u64 = Database::row_uncached(&mut database, 1);
    let _: u64 = database.load(1);
    let _: u64 = Database::<u8>::in_another(1, &Cache::disabled());
    let _ = (automatic(1, None), shared(1), change("a"));
    forget(1);
}
