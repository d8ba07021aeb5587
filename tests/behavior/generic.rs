//! Instances of one function do not meet in the cache: of generic functions, of methods of generic types, of trait methods.

use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use cache_runtime::{cache, cached};
use serde::Serialize;

trait Table {
    const NAME: &'static str;
}

struct Jobs;
struct Users;

impl Table for Jobs {
    const NAME: &'static str = "jobs";
}

impl Table for Users {
    const NAME: &'static str = "users";
}

struct Repo<T>(PhantomData<T>);

impl<T> Repo<T> {
    const NEW: Self = Self(PhantomData);
}

#[cached(key = "generic:name:<id>:<T>")]
async fn name<T: Table>(id: u32) -> String {
    format!("{} {id}", T::NAME)
}

#[cached(key = "generic:table:<T::NAME>:<id>")]
async fn by_constant<T: Table>(id: u32) -> String {
    format!("{} {id}", T::NAME)
}

#[cached(key = "generic:first:<N>")]
async fn first<const N: usize>() -> usize {
    N
}

#[cached(key = "generic:shown:<value>", skip(T))]
async fn shown<T: Display + Serialize + Send>(value: T) -> String {
    value.to_string()
}

#[tokio::test]
async fn parameters_of_a_function_are_in_its_key() {
    assert_eq!(
        (name::<Jobs>(1).await, name::<Users>(1).await),
        ("jobs 1".into(), "users 1".into())
    );
    assert_eq!(by_constant::<Jobs>(1).await, "jobs 1");
    assert_eq!(by_constant::<Users>(1).await, "users 1");
    assert_eq!(
        by_constant::key::<Users>(1).as_str(),
        "generic:table:users:1"
    );
    assert_eq!((first::<1>().await, first::<2>().await), (1, 2));
    assert_eq!(shown(1_u8).await, shown("1").await);
    assert_eq!(name::invalidate::<Jobs>(1).await.removed, 1);
}

#[cached(ttl = "list")]
async fn opaque(table: &(impl Table + Serialize + Sync), id: u32) -> String {
    format!("{} {id}", name_of(table))
}

fn name_of<T: Table>(_: &T) -> &'static str {
    T::NAME
}

impl Serialize for Jobs {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_unit()
    }
}

impl Serialize for Users {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_unit()
    }
}

impl<T: Table> Repo<T> {
    #[cached(key = "generic:repo:<id>", companions = "name")]
    async fn name(&self, id: u32) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(put, key = "generic:repo:<id>", skip(name))]
    async fn rename(&self, id: u32, name: String) -> String {
        let _ = id;
        name
    }

    #[cached(invalidates = "generic:repo:<id>")]
    async fn forget(&self, id: u32) {
        let _ = id;
    }

    #[cached(key = "generic:without_self:<id>", companions = false)]
    async fn without_self(id: u32) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(ttl = "list", companions = false)]
    async fn automatic(id: u32) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "generic:placed:<Self>:<id>")]
    async fn placed(&self, id: u32) -> String {
        format!("{} {id}", T::NAME)
    }

    #[cached(key = "generic:same:<id>", skip(Self))]
    async fn same(&self, id: u32) -> u32 {
        id
    }
}

#[tokio::test]
async fn methods_of_a_generic_type_do_not_meet() {
    let (jobs, users) = (Repo::<Jobs>::NEW, Repo::<Users>::NEW);
    for _ in 0..2 {
        assert_eq!(
            (jobs.name(1).await, users.name(1).await),
            ("jobs 1".into(), "users 1".into())
        );
        assert_eq!(Repo::<Jobs>::without_self(1).await, "jobs 1");
        assert_eq!(Repo::<Users>::without_self(1).await, "users 1");
        assert_eq!(Repo::<Jobs>::automatic(1).await, "jobs 1");
        assert_eq!(Repo::<Users>::automatic(1).await, "users 1");
        assert_eq!(
            (jobs.placed(1).await, users.placed(1).await),
            ("jobs 1".into(), "users 1".into())
        );
    }
}

#[tokio::test]
async fn companions_puts_and_removals_agree_with_the_reads_of_their_type() {
    let (jobs, users) = (Repo::<Jobs>::NEW, Repo::<Users>::NEW);
    let key = Repo::<Jobs>::name_key(7);
    assert!(key.as_str().starts_with("generic:repo:7:"), "{key}");
    assert_ne!(key, Repo::<Users>::name_key(7));
    jobs.name(7).await;
    assert!(cache().exists(key).await);

    assert_eq!(jobs.rename(7, "renamed".into()).await, "renamed");
    assert_eq!(
        (jobs.name(7).await, users.name(7).await),
        ("renamed".into(), "users 7".into())
    );

    assert_eq!(Repo::<Jobs>::name_invalidate(7).await.removed, 1);
    assert_eq!(
        (jobs.name(7).await, users.rename(7, "u".into()).await),
        ("jobs 7".into(), "u".into())
    );

    // The text of the template covers every instance.
    users.forget(7).await;
    assert_eq!(users.name(7).await, "users 7");
    jobs.rename(7, "again".into()).await;
    cache().invalidate_prefix("generic:repo:").await;
    assert_eq!(jobs.name(7).await, "jobs 7");
    jobs.rename(8, "again".into()).await;
    Repo::<Users>::name_invalidate_all().await;
    assert_eq!(jobs.name(8).await, "jobs 8");
}

struct Service;

impl Service {
    #[cached(key = "generic:list:<skip>:<limit>", companions = "list")]
    async fn list(&self, skip: u32, limit: u32) -> u32 {
        skip + limit
    }
}

#[tokio::test]
async fn a_key_reads_as_it_is_written_where_there_is_one_instance() {
    assert_eq!(Service.list(0, 20).await, 20);
    assert_eq!(Service::list_key(0, 20).as_str(), "generic:list:0:20");
    assert!(cache().exists("generic:list:0:20").await);
    assert_eq!(Repo::<Jobs>::NEW.same(3).await, 3);
    assert!(cache().exists("generic:same:3").await);
}

trait Named {
    fn id(&self) -> u32;

    #[cached(key = "generic:default:<self.id()>")]
    fn by_default(&self) -> Pin<Box<dyn Future<Output = u32> + Send + '_>>
    where
        Self: Sync,
    {
        Box::pin(async move { self.id() + self.offset() })
    }

    fn offset(&self) -> u32;

    #[cached(key = "generic:default_async:<self.id()>", skip(of, T))]
    async fn default_async<T>(&self, of: &T) -> u32
    where
        Self: Sync,
        T: Sync + ?Sized,
    {
        let _ = of;
        self.offset()
    }
}

impl Named for Jobs {
    fn id(&self) -> u32 {
        1
    }

    fn offset(&self) -> u32 {
        10
    }
}

impl Named for Users {
    fn id(&self) -> u32 {
        1
    }

    fn offset(&self) -> u32 {
        20
    }
}

#[tokio::test]
async fn default_methods_of_a_trait_do_not_meet() {
    for _ in 0..2 {
        assert_eq!(
            (Jobs.by_default().await, Users.by_default().await),
            (11, 21)
        );
        assert_eq!(
            (Jobs.default_async("").await, Users.default_async("").await),
            (10, 20)
        );
    }
}

trait Load<T> {
    async fn load(&self, id: u32) -> String;
}

impl<T: Table> Load<T> for Service {
    #[cached(key = "generic:load:<id>")]
    async fn load(&self, id: u32) -> String {
        format!("{} {id}", T::NAME)
    }
}

#[tokio::test]
async fn implementations_of_a_generic_trait_do_not_meet() {
    for _ in 0..2 {
        assert_eq!(Load::<Jobs>::load(&Service, 1).await, "jobs 1");
        assert_eq!(Load::<Users>::load(&Service, 1).await, "users 1");
    }
}

struct Ring<const N: usize>;

impl<const N: usize> Ring<N> {
    #[cached(key = "generic:ring")]
    async fn size(&self) -> usize {
        N
    }
}

/// Two borrows of one type are one type to the cache.
struct Lent<'a>(&'a str);

impl Lent<'_> {
    #[cached(key = "generic:lent:<self.0>")]
    async fn text(&self) -> String {
        self.0.to_owned()
    }
}

#[tokio::test]
async fn constants_make_instances_and_lifetimes_do_not() {
    assert_eq!((Ring::<1>.size().await, Ring::<2>.size().await), (1, 2));
    let text = String::from("lent");
    Lent(&text).text().await;
    assert!(cache().exists("generic:lent:lent").await);
}

#[tokio::test]
async fn opaque_arguments_are_told_apart_by_their_type() {
    // Their values read alike.
    assert_eq!(opaque(&Jobs, 1).await, "jobs 1");
    assert_eq!(opaque(&Users, 1).await, "users 1");
}
