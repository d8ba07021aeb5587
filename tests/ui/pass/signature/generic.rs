//! Everything that a key may say of what its function is generic over.

use cache_runtime::cached;

trait Table {
    const NAME: &'static str;
}

#[cached(
    key = "row:<T>:<N>:<id>",
    tags = ["table:<T::NAME>"],
    invalidates = "rows:<T::NAME>:<N>"
)]
pub async fn row<T: Table, const N: usize>(id: u64) -> String {
    format!("{} {N} {id}", T::NAME)
}

#[cached(key = "table:<T::NAME.len()>", skip(id))]
pub async fn length<T: Table>(id: u64) -> u64 {
    id
}

#[cached(key = "shown:<value>", skip(T, db))]
pub async fn shown<T: serde::Serialize + Send>(value: T, db: impl Send) -> String {
    drop(db);
    serde_json(value)
}

fn serde_json<T>(_: T) -> String {
    String::new()
}

#[cached(ttl = "list", skip(T, N))]
pub async fn automatic<T: Table, const N: usize>(id: u64) -> u64 {
    id
}

#[cached(invalidates = ["rows:<T::NAME>:", "row:<T>:"], skip(trace))]
pub async fn change<T: Table>(trace: u64) {
    let _ = trace;
}

pub struct Repo<T>(T);

impl<T: Table + Sync> Repo<T> {
    const KIND: &'static str = "repo";

    #[cached(key = "repo:<T>:<Self>:<Self::KIND>:<id>", companions = "row")]
    pub async fn row(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = "same:<id>", skip(Self), companions = "same")]
    pub async fn same(id: u64) -> u64 {
        id
    }

    #[cached(ttl = "list", skip(Self))]
    pub async fn automatic(&self, id: u64) -> u64 {
        id
    }

    #[cached(key = "none:<id>", companions = false)]
    pub async fn without_self(id: u64) -> u64 {
        id
    }

    #[cached(key = cache_runtime::CacheKey::of(T::NAME).segment(&id), companions = "by_expression")]
    pub async fn by_expression(&self, id: u64) -> u64 {
        id
    }
}

/// The body never runs, and never a wait.
fn main() {
    struct Jobs;
    impl Table for Jobs {
        const NAME: &'static str = "jobs";
    }
    assert!(row::key::<Jobs, 3>(7).as_str().ends_with(":3:7"));
    assert_eq!(length::key::<Jobs>().as_str(), "table:4");
    assert_eq!(Repo::<Jobs>::same_key(7).as_str(), "same:7");
    assert!(Repo::<Jobs>::row_key(7).as_str().starts_with("repo:"));
}
