//! P6: bytes of another version of the type, or damaged ones, are a miss; never a wrong value, never a panic.

use cache_runtime::cached;
use cache_tests::{RedisServer, eventually};
use serde::{Deserialize, Serialize};

use crate::app::{App, Db, SOON, exact};

mod before {
    use super::{App, Deserialize, Serialize, cached};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct User {
        pub(super) id: u64,
        pub(super) name: String,
    }

    #[cached(ttl = "5m", key = "user:<id>", cache = app.cache, skip(app))]
    pub(super) async fn user(app: &App, id: u64) -> User {
        app.db.read().await;
        User {
            id,
            name: "before".into(),
        }
    }
}

mod after {
    use super::{App, Deserialize, Serialize, cached};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct User {
        pub(super) id: u64,
        pub(super) name: String,
        pub(super) admin: bool,
    }

    #[cached(ttl = "5m", key = "user:<id>", cache = app.cache, skip(app))]
    pub(super) async fn user(app: &App, id: u64) -> User {
        app.db.read().await;
        User {
            id,
            name: "after".into(),
            admin: true,
        }
    }
}

#[tokio::test]
async fn two_versions_of_a_type_replace_each_other_s_entries_and_read_only_their_own() {
    let server = RedisServer::start();
    let db = Db::new(0);
    let (old, new) = (App::on(&server, &db).await, App::on(&server, &db).await);
    for round in 1..=3_u64 {
        assert_eq!(
            before::user(&old, 1).await,
            before::User {
                id: 1,
                name: "before".into()
            }
        );
        old.has_stored(round).await;
        assert_eq!(
            after::user(&new, 1).await,
            after::User {
                id: 1,
                name: "after".into(),
                admin: true
            }
        );
        new.has_stored(round).await;
        assert_eq!(
            u64::from(db.reads()),
            round * 2,
            "neither reads the other's"
        );
        assert_eq!(after::user(&new, 1).await.name, "after");
        assert_eq!(u64::from(db.reads()), round * 2, "but its own, replaced");
        // The old build's memory follows by push.
        let replaced = async || {
            let fresh = old.cache.get::<before::User>("user:1").await.is_none();
            fresh.then_some(())
        };
        eventually(SOON, "the old build to see the replacement", replaced).await;
    }
}

#[tokio::test]
async fn in_one_process_a_copy_in_memory_of_another_type_is_a_miss_too() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(0)).await;
    before::user(&app, 1).await;
    app.has_stored(1).await;
    before::user(&app, 1).await;
    before::user(&app, 1).await;
    assert_eq!(app.cache.get::<after::User>("user:1").await, None);
    assert_eq!(after::user(&app, 1).await.name, "after");
}

#[cached(ttl = "5m", key = "article:<slug>", cache = app.cache, skip(app))]
async fn article(app: &App, slug: &str) -> u64 {
    app.db.read().await + slug.len() as u64
}

#[cached(ttl = "5m", key = "article:latest", cache = app.cache, skip(app))]
async fn latest(app: &App) -> u64 {
    app.db.read().await
}

#[tokio::test]
async fn two_templates_that_meet_in_one_key_do_not_mix() {
    let server = RedisServer::start();
    let db = Db::new(100);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    for app in [&one, &other, &one, &other] {
        assert_eq!(article(app, "latest").await, 106);
        assert_eq!(latest(app).await, 100);
    }
}

/// Writes `bytes` where the entry stands and reads: the body's value, whatever they are.
async fn read_over(server: &RedisServer, app: &App, bytes: &[u8]) {
    server.cli(&[b"SET".as_slice(), b"exact:1", bytes]);
    assert_eq!(exact(app, 1).await, 7, "{bytes:?}");
    let _ = app.cache.get::<u64>("exact:1").await;
    let _ = app.cache.exists("exact:1").await;
}

#[tokio::test]
async fn damaged_bytes_are_a_miss_and_no_panic() {
    let server = RedisServer::start();
    let app = App::on(&server, &Db::new(7)).await;
    exact(&app, 1).await;
    app.has_stored(1).await;
    let good = server.cli(&["GET", "exact:1"]).bytes().to_vec();
    let mut runs = app.db.reads();

    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        read_over(&server, &app, &bytes).await;
        // The time of writing is the server's own, and not in the checksum: it may shift the end, not the value.
        let is_time = (56..64).contains(&(bit / 8));
        assert!(is_time || app.db.reads() > runs, "bit {bit} was overlooked");
        runs = app.db.reads();
    }
    for length in 0..good.len() {
        read_over(&server, &app, &good[..length]).await;
    }
    for longer in [1, 100, 100_000] {
        read_over(&server, &app, &[&good[..], &vec![0; longer]].concat()).await;
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for length in 0..200 {
        let mut noise = good[..8].to_vec();
        for _ in 0..length {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            noise.push((state >> 56) as u8);
        }
        read_over(&server, &app, &noise).await;
        read_over(&server, &app, &noise[8..]).await;
    }
}

/// An even number. An older build stored odd ones, in the same shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Even(u32);

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(from)?;
        assert!(number % 2 == 0, "an odd number");
        Ok(Self(number))
    }
}

#[cached(ttl = "5m", key = "number:<id>", cache = app.cache, skip(app))]
async fn odd(app: &App, id: u32) -> u32 {
    app.db.read().await;
    2 * id + 1
}

#[cached(ttl = "5m", key = "number:<id>", cache = app.cache, skip(app))]
async fn even(app: &App, id: u32) -> Even {
    app.db.read().await;
    Even(2 * id)
}

#[tokio::test]
async fn a_type_that_panics_on_what_an_older_build_stored_is_a_miss() {
    let server = RedisServer::start();
    let (old, new) = (
        App::on(&server, &Db::new(1)).await,
        App::on(&server, &Db::new(1)).await,
    );
    assert_eq!(odd(&old, 1).await, 3);
    old.has_stored(1).await;
    assert_eq!(even(&new, 1).await, Even(2));
}
