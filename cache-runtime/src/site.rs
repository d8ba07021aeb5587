//! STUB
#![allow(missing_docs, dead_code, unused_variables)]
use std::time::Duration;
use crate::key::{CacheKey, KeyPart, PatternTemplate, Template};
use crate::ttl::Ttl;
#[derive(Clone, Debug, Default)]
pub struct Cache;
#[derive(Debug)]
pub struct Invalidation;

pub struct Site { name: &'static str, key: Option<Template>, ttl: Ttl }
pub enum Near { On, Off, AtMost(Duration) }
impl Site {
    pub const fn new(name: &'static str) -> Self { Self { name, key: None, ttl: Ttl::Default } }
    pub const fn key(mut self, t: Template) -> Self { self.key = Some(t); self }
    pub const fn ttl(mut self, t: Ttl) -> Self { self.ttl = t; self }
    pub const fn none_ttl(self, d: Duration) -> Self { self }
    pub const fn invalidates(self, p: &'static [PatternTemplate]) -> Self { self }
    pub const fn tags(self, p: &'static [PatternTemplate]) -> Self { self }
    pub const fn always(self) -> Self { self }
    pub const fn near(self, n: Near) -> Self { self }
    pub fn call(&'static self) -> Call { Call { site: self, key: None } }
}
pub struct Call { site: &'static Site, key: Option<CacheKey> }
impl Call {
    pub fn cache(self, c: &Cache) -> Self { self }
    pub fn ttl(self, t: impl Into<Ttl>) -> Self { self }
    pub fn key(mut self, parts: &[&dyn KeyPart]) -> Self { self.key = self.site.key.as_ref().and_then(|t| t.render(parts).ok()); self }
    pub fn auto_key(mut self, types: &[&str], parts: &[&dyn KeyPart]) -> Self { self.key = self.site.key.as_ref().and_then(|t| t.render(parts).ok()); self }
    pub fn key_expr(mut self, key: impl Into<CacheKey>) -> Self { self.key = Some(key.into()); self }
    pub fn invalidates(self, index: usize, parts: &[&dyn KeyPart]) -> Self { self }
    pub fn tag(self, index: usize, parts: &[&dyn KeyPart]) -> Self { self }
    pub fn into_key(self) -> CacheKey { self.key.unwrap_or_else(|| CacheKey::from("none")) }
    pub async fn invalidate(self) -> Invalidation { Invalidation }
}
#[derive(serde::Serialize)]
pub struct KeyText(String);
impl KeyText { pub fn of(part: &dyn KeyPart) -> Self { { let key = Template::new(&["", ""]).render(&[part]); Self(key.map(|k| k.as_str().to_owned()).unwrap_or_default()) } } }
pub struct Late;
impl Late {
    pub fn invalidates(&mut self, index: usize, parts: &[&dyn KeyPart]) {}
    pub fn tag(&mut self, index: usize, parts: &[&dyn KeyPart]) {}
}
