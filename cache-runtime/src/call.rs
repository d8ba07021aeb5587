//! STUB
#![allow(missing_docs, dead_code, unused_variables)]
use std::future::Future;
use crate::cacheable::{Cacheable, Returned, Success};
use crate::site::{Call, Late, Site};

pub fn read<R, K, W, L, F, Fut>(call: Call, kind: K, when: W, late: L, body: F) -> impl Future<Output = R>
where K: Cacheable<R>, W: FnOnce(&K::Inner) -> bool, L: FnOnce(&K::Inner, &mut Late), F: FnOnce() -> Fut, Fut: Future<Output = R> {
    async move {
        let r = Box::pin(body()).await;
        if let Success::Value(v) = kind.success(&r) { if when(v) { late(v, &mut Late) } }
        r
    }
}
pub fn put<R, K, W, L, F, Fut>(call: Call, kind: K, when: W, late: L, body: F) -> impl Future<Output = R>
where K: Cacheable<R>, W: FnOnce(&K::Inner) -> bool, L: FnOnce(&K::Inner, &mut Late), F: FnOnce() -> Fut, Fut: Future<Output = R> {
    read(call, kind, when, late, body)
}
pub fn write<R, K, L, F, Fut>(call: Call, kind: K, late: L, body: F) -> impl Future<Output = R>
where K: Returned<R>, L: FnOnce(&K::Inner, &mut Late), F: FnOnce() -> Fut, Fut: Future<Output = R> {
    async move {
        let r = Box::pin(body()).await;
        if let Success::Value(v) = kind.success(&r) { late(v, &mut Late) }
        r
    }
}
pub fn refresh<R, Fut: Future<Output = R>>(site: &'static Site, call: Fut) -> impl Future<Output = R> { call }
pub fn uncached<R, Fut: Future<Output = R>>(site: &'static Site, call: Fut) -> impl Future<Output = R> { call }
