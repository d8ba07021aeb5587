//! What every cache here is asked to do, and by which of them.

pub mod cached_memory;
pub mod cached_redis;
pub mod moka;
pub mod multi_tier;
pub mod ours;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::row::Row;

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub type Handle = Arc<dyn Peer>;

/// Which entry: its key is `row:<group>:<id>`.
#[derive(Clone, Copy)]
pub struct At {
    pub group: u32,
    pub id: u32,
}

impl At {
    pub fn key(self) -> String {
        format!("row:{}:{}", self.group, self.id)
    }

    /// With the separator at its end: what every key of the group begins with.
    pub fn prefix(self) -> String {
        format!("row:{}:", self.group)
    }
}

#[derive(Clone, Copy)]
pub enum Removal {
    Key,
    Prefix,
    Tag,
    Everything,
}

/// One process's worth of a cache: its memory and its connection.
pub trait Peer: Send + Sync {
    /// The cached function, whose body is [`Row::load`].
    fn read(&self, at: At, row: Arc<Row>) -> Boxed<'_, Result<u64, String>>;

    /// The library's own invalidation; what it acknowledges with. `None`: it has no such operation.
    fn remove(&self, what: Removal, at: At) -> Boxed<'_, Option<Result<&'static str, String>>>;
}

/// A way to use one library.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// Shares entries through Redis.
    pub shared: bool,
    pub connect: fn(String) -> Boxed<'static, Result<Handle, String>>,
}
