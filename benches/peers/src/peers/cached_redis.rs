//! cached, in Redis: `#[concurrent_cached]` over `AsyncRedisCache`, made by a `create` block as in its example, with the
//! `expect` of that example (without `create`, the macro panics by itself). In three forms: the default connection; the
//! connection manager that reconnects (`redis_connection_manager`); the client-side cache over RESP3
//! (`redis_async_cache`), the only one with a memory of its own. `sync_writes` does not exist there. Removal by
//! `async_cache_remove` and `async_cache_clear`. No prefixes, no tags.
//!
//! The macro keeps the store in a static, so one function is one process's worth. There are as many as are needed.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use super::{At, Boxed, Handle, Kind, Peer, Removal};
use crate::row::Row;

pub const DEFAULT: Kind = Kind {
    name: "cached, Redis",
    shared: true,
    connect: |url| next(&DEFAULTS, url),
};

pub const MANAGER: Kind = Kind {
    name: "cached, Redis, connection manager",
    shared: true,
    connect: |url| next(&MANAGERS, url),
};

pub const CLIENT_SIDE: Kind = Kind {
    name: "cached, Redis, client-side cache",
    shared: true,
    connect: |url| next(&CLIENT_SIDES, url),
};

#[derive(Clone, Copy)]
struct Function {
    url: &'static OnceLock<String>,
    read: fn(String, Arc<Row>) -> Boxed<'static, Result<u64, String>>,
    remove: fn(String) -> Boxed<'static, Result<(), String>>,
    clear: fn() -> Boxed<'static, Result<(), String>>,
}

struct Functions {
    used: AtomicUsize,
    all: &'static [Function],
}

fn next(functions: &Functions, url: String) -> Boxed<'static, Result<Handle, String>> {
    let function = functions.all[functions.used.fetch_add(1, SeqCst)];
    let _ = function.url.set(url);
    Box::pin(async move { Ok(Arc::new(function) as Handle) })
}

impl Peer for Function {
    fn read(&self, at: At, row: Arc<Row>) -> Boxed<'_, Result<u64, String>> {
        (self.read)(at.key(), row)
    }

    fn remove(&self, what: Removal, at: At) -> Boxed<'_, Option<Result<&'static str, String>>> {
        Box::pin(async move {
            let done = match what {
                Removal::Key => (self.remove)(at.key()).await,
                Removal::Everything => (self.clear)().await,
                Removal::Prefix | Removal::Tag => return None,
            };
            Some(done.map(|()| "ok"))
        })
    }
}

/// One cached function in a module of its own.
macro_rules! function {
    ($name:ident, $option:ident, $value:literal) => {
        mod $name {
            use std::sync::{Arc, OnceLock};
            use std::time::Duration;

            use cached::macros::concurrent_cached;
            use cached::{AsyncRedisCache, ConcurrentCachedAsync};

            use super::Function;
            use crate::row::Row;

            static URL: OnceLock<String> = OnceLock::new();

            #[concurrent_cached(
                                        map_error = |error| format!("{error:?}"),
                                        ty = "AsyncRedisCache<String, u64>",
                                        create = {
                                            AsyncRedisCache::builder("peers")
                                                .ttl(Duration::from_secs(3600))
                                                .connection_string(URL.get().expect("a URL"))
                                                .$option($value)
                                                .build()
                                                .await
                                                .expect("error building the redis cache")
                                        },
                                        key = "String",
                                        convert = { key.clone() }
                                    )]
            async fn read(key: String, row: Arc<Row>) -> Result<u64, String> {
                let _ = key;
                row.load().await
            }

            pub(super) const FUNCTION: Function = Function {
                url: &URL,
                read: |key, row| Box::pin(read(key, row)),
                remove: |key| {
                    Box::pin(async move {
                        match READ.get() {
                            Some(store) => store
                                .async_cache_remove(&key)
                                .await
                                .map(drop)
                                .map_err(|error| error.to_string()),
                            None => Err("no store yet".into()),
                        }
                    })
                },
                clear: || {
                    Box::pin(async move {
                        match READ.get() {
                            Some(store) => store
                                .async_cache_clear()
                                .await
                                .map_err(|error| error.to_string()),
                            None => Err("no store yet".into()),
                        }
                    })
                },
            };
        }
    };
}

/// Several of them, and the list of all.
macro_rules! functions {
    (@ $option:ident $value:literal $($name:ident)*) => { $(function!($name, $option, $value);)* };
    ($list:ident: $option:ident($value:literal); $($name:ident),*) => {
        functions!(@ $option $value $($name)*);
        static $list: Functions = Functions {
            used: AtomicUsize::new(0),
            all: &[$($name::FUNCTION),*],
        };
    };
}

functions!(DEFAULTS: connection_manager(false); default1, default2, default3, default4, default5, default6, default7, default8);
functions!(MANAGERS: connection_manager(true); manager1, manager2, manager3, manager4, manager5, manager6, manager7, manager8);
functions!(CLIENT_SIDES: client_side_caching(true); client1, client2, client3, client4, client5, client6);
