//! Cached functions of every kind of key. `map` reads this file, and its tests compare the keys that these functions really
//! have with those that it shows.

use cache_runtime::{CacheKey, cache, cached};

const ENTITY: &str = "employee";

pub(crate) trait Table {
    const NAME: &'static str;
}

pub(crate) struct Jobs;

impl Table for Jobs {
    const NAME: &'static str = "jobs";
}

#[cached(ttl = "list")]
pub(crate) async fn automatic(skip: u32, text: String) -> u32 {
    let _ = text;
    skip
}

#[cached(ttl = "list")]
pub(crate) async fn without_arguments() -> u32 {
    1
}

pub(crate) mod inner {
    use super::*;

    #[cached(ttl = "list", skip(db))]
    pub(crate) async fn generic<T: Table>(db: &str, id: u64) -> u64 {
        let _ = (db, T::NAME);
        id
    }
}

#[cached(key = r"größe:<text.trim()>:<T::NAME>")]
pub(crate) async fn template<T: Table>(text: String) -> String {
    format!("{text} {}", T::NAME)
}

#[cached(key = CacheKey::list_paginated(ENTITY, page, 20))]
pub(crate) async fn paginated(page: u64) -> u64 {
    page
}

#[cached(key = CacheKey::search("employee", &text, limit))]
pub(crate) async fn searched(text: String, limit: u64) -> String {
    format!("{text}{limit}")
}

#[cached(key = below(&id), companions = "chained_one")]
pub(crate) async fn chained(id: String) -> String {
    id
}

fn below(id: &str) -> CacheKey {
    CacheKey::user_roles(id).segment("a:b").segment(&7)
}

pub(crate) struct Repo<T>(pub(crate) T);

impl<T: Table + Sync> Repo<T> {
    #[cached(key = "title:<id>", companions = "title")]
    pub(crate) async fn title(&self, id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(ttl = "list", companions = "automatic_method", skip(self))]
    pub(crate) async fn automatic_method(&self, id: u64) -> String {
        format!("{} {id}", T::NAME)
    }
}

pub(crate) struct Plain;

impl Plain {
    #[cached(ttl = "list", companions = "plain", skip(self))]
    pub(crate) async fn plain_method(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = "plain:<id>", companions = "template")]
    pub(crate) async fn plain_template(&self, id: u64) -> u64 {
        id
    }
}

/// The key of each function, for arguments that need escapes.
pub(crate) fn keys() -> Vec<(&'static str, CacheKey)> {
    let text = || " a b:c*é ".to_owned();
    vec![
        ("automatic", automatic::key(7, text())),
        ("without_arguments", without_arguments::key()),
        ("generic", inner::generic::key::<Jobs>(7)),
        ("template", template::key::<Jobs>(text())),
        ("template", template::key::<Jobs>(String::new())),
        ("paginated", paginated::key(3)),
        ("searched", searched::key(text(), 10)),
        ("chained", chained_one::key(text())),
        ("Repo<T>::title", Repo::<Jobs>::title_key(7)),
        (
            "Repo<T>::automatic_method",
            Repo::<Jobs>::automatic_method_key(7),
        ),
        ("Plain::plain_method", Plain::plain_key(7)),
        ("Plain::plain_template", Plain::template_key(7)),
    ]
}

/// Whoever changes everything.
#[expect(dead_code, reason = "it is to be read, and to compile")]
pub(crate) async fn change_everything() {
    automatic::invalidate_all().await;
    inner::generic::invalidate::<Jobs>(7).await;
    cache().invalidate_prefix("größe:").await;
    Repo::<Jobs>::title_invalidate_all().await;
}
