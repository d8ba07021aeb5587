//! What cache-aside as it is usually written gets wrong, and the same with `#[cached]`.
//!
//! Each test runs both against a real server. It asserts the wrong result of the hand-written version, so that nobody can
//! take the comparison for an invented one. The guide tells of them in `docs/book/src/usual-pattern.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cache_runtime::cached;
use cache_tests::{FaultProxy, RedisServer, eventually};
use redis::{AsyncCommands as _, RedisResult};

use crate::app::{App, Db, SOON, change_item, item};

/// Seconds.
const TTL: u64 = 300;

/// Cache-aside by hand. A failing Redis fails no call here, which is more than many versions do.
#[derive(Clone)]
struct ByHand {
    client: redis::Client,
    db: Arc<Db>,
}

impl ByHand {
    fn at(url: impl AsRef<str>, db: &Arc<Db>) -> Self {
        let client = redis::Client::open(url.as_ref()).expect("a URL");
        Self {
            client,
            db: db.clone(),
        }
    }

    async fn get(&self, key: &str) -> RedisResult<Option<String>> {
        let mut redis = self.client.get_multiplexed_async_connection().await?;
        redis.get(key).await
    }

    async fn set(&self, key: &str, value: &str) -> RedisResult<()> {
        let mut redis = self.client.get_multiplexed_async_connection().await?;
        redis.set_ex(key, value, TTL).await
    }

    async fn delete(&self, key: &str) -> RedisResult<()> {
        let mut redis = self.client.get_multiplexed_async_connection().await?;
        redis.del(key).await
    }

    async fn delete_matching(&self, glob: &str) -> RedisResult<()> {
        let mut redis = self.client.get_multiplexed_async_connection().await?;
        let mut keys: Vec<String> = Vec::new();
        let mut found = redis.scan_match::<_, String>(glob).await?;
        while let Some(key) = found.next_item().await {
            keys.push(key?);
        }
        drop(found);
        redis.del(keys).await
    }

    /// Reads through the cache.
    async fn item(&self, id: u32) -> u64 {
        let key = format!("item:{id}");
        if let Ok(Some(text)) = self.get(&key).await {
            return text.parse().expect("what `set` stored");
        }
        let value = self.db.read().await;
        let _ = self.set(&key, &value.to_string()).await;
        value
    }

    /// Writes to the database, then removes. Returns whether the removal has succeeded.
    async fn change_item(&self, id: u32, value: u64) -> bool {
        self.db.commit(value);
        self.delete(&format!("item:{id}")).await.is_ok()
    }

    /// The posts, whose key has lost an argument.
    async fn posts(&self, published_only: bool) -> String {
        if let Ok(Some(text)) = self.get("posts:list").await {
            return text;
        }
        let posts = posts_in_database(published_only);
        let _ = self.set("posts:list", &posts).await;
        posts
    }

    /// A part of what is stored of a user.
    async fn of_user(&self, key: &str) -> u64 {
        if let Ok(Some(text)) = self.get(key).await {
            return text.parse().expect("what `set` stored");
        }
        let value = self.db.read().await;
        let _ = self.set(key, &value.to_string()).await;
        value
    }
}

fn posts_in_database(published_only: bool) -> String {
    if published_only {
        "published".to_owned()
    } else {
        "published, draft".to_owned()
    }
}

/// With `key = "posts:list"` this does not compile: `tests/ui/fail/key/peers_11_argument_missing.rs`.
#[cached(ttl = "5m", key = "posts:list:<published_only>", cache = app.cache, skip(app))]
async fn posts(app: &App, published_only: bool) -> String {
    posts_in_database(published_only)
}

#[tokio::test]
async fn a_list_whose_key_lacks_an_argument_shows_drafts_to_everybody() {
    let server = RedisServer::start();
    let db = Db::new(1);

    let by_hand = ByHand::at(server.url(), &db);
    assert_eq!(by_hand.posts(false).await, "published, draft", "an editor");
    assert_eq!(
        by_hand.posts(true).await,
        "published, draft",
        "by hand, a visitor is shown the draft"
    );

    let app = App::on(&server, &db).await;
    assert_eq!(posts(&app, false).await, "published, draft", "an editor");
    app.has_stored(1).await;
    assert_eq!(posts(&app, true).await, "published", "a visitor");
}

/// Loads of what is stored of users, by what they loaded.
#[derive(Default)]
struct Loads {
    of_user_1: AtomicU32,
    of_user_10: AtomicU32,
}

impl Loads {
    fn count(&self, id: u32) -> u32 {
        let of = if id == 1 {
            &self.of_user_1
        } else {
            &self.of_user_10
        };
        of.fetch_add(1, SeqCst) + 1
    }

    fn so_far(&self) -> (u32, u32) {
        (self.of_user_1.load(SeqCst), self.of_user_10.load(SeqCst))
    }
}

#[cached(ttl = "5m", key = "user:<id>", cache = app.cache, skip(app, loads))]
async fn user(app: &App, loads: &Loads, id: u32) -> u32 {
    loads.count(id)
}

#[cached(ttl = "5m", key = "user:<id>:roles", cache = app.cache, skip(app, loads))]
async fn roles(app: &App, loads: &Loads, id: u32) -> u32 {
    loads.count(id)
}

#[cached(invalidates = "user:<id>", cache = app.cache)]
async fn change_user(app: &App, id: u32) {
    let _ = (app, id);
}

#[tokio::test]
async fn a_glob_for_one_user_takes_another_ones_entries_or_leaves_the_users_own() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let all = ["user:1", "user:1:roles", "user:10", "user:10:roles"];

    let by_hand = ByHand::at(server.url(), &db);
    let stored = async || {
        for key in all {
            by_hand.of_user(key).await;
        }
        server.cli(&["DBSIZE"]).int()
    };
    assert_eq!(stored().await, 4);
    by_hand.delete_matching("user:1*").await.unwrap();
    assert_eq!(
        server.cli(&["DBSIZE"]).int(),
        0,
        "by hand, those of user 10 are gone, too"
    );
    // The obvious correction leaves the user's own key.
    assert_eq!(stored().await, 4);
    db.commit(2);
    by_hand.delete_matching("user:1:*").await.unwrap();
    assert_eq!(by_hand.of_user("user:1:roles").await, 2);
    assert_eq!(
        by_hand.of_user("user:1").await,
        1,
        "by hand, the profile is old"
    );
    server.cli(&["FLUSHALL"]);

    let app = App::on(&server, &db).await;
    let loads = Loads::default();
    let read_all = async || {
        for id in [1, 10] {
            user(&app, &loads, id).await;
            roles(&app, &loads, id).await;
        }
    };
    read_all().await;
    app.has_stored(4).await;
    read_all().await;
    assert_eq!(loads.so_far(), (2, 2), "all four are cached");
    change_user(&app, 1).await;
    read_all().await;
    assert_eq!(
        loads.so_far(),
        (4, 2),
        "both of user 1 were removed, none of user 10"
    );
}

#[tokio::test]
async fn a_removal_while_redis_is_away_is_lost_by_hand_and_made_up_for_by_the_attribute() {
    let server = RedisServer::start();

    let db = Db::new(1);
    let proxy = FaultProxy::in_front_of(&server);
    let by_hand = ByHand::at(proxy.url(), &db);
    let elsewhere = ByHand::at(server.url(), &db);
    assert_eq!(by_hand.item(1).await, 1);
    proxy.down();
    assert!(
        !by_hand.change_item(1, 2).await,
        "the row has changed, and the removal failed"
    );
    proxy.up();
    assert_eq!(
        (by_hand.item(1).await, elsewhere.item(1).await),
        (1, 1),
        "by hand, both processes show the old row"
    );
    let left = server.cli(&["TTL", "item:1"]).int();
    assert!(left > 0, "for {left} seconds more");
    server.cli(&["FLUSHALL"]);

    let db = Db::new(1);
    let (app, proxy) = App::behind_proxy(&server, &db).await;
    let elsewhere = App::on(&server, &db).await;
    assert_eq!(item(&app, 1).await, 1);
    app.has_stored(1).await;
    assert_eq!(item(&elsewhere, 1).await, 1);
    proxy.down();
    change_item(&app, 1, 2).await;
    assert_eq!(item(&app, 1).await, 2, "its own process, at once");
    assert_eq!(app.cache.journal_len(), 1, "the removal waits");
    proxy.up();
    let replayed = async || (app.cache.journal_len() == 0).then_some(());
    eventually(SOON, "the journal to be replayed", replayed).await;
    assert_eq!(item(&app, 1).await, 2);
    let newcomer = App::on(&server, &db).await;
    assert_eq!(item(&newcomer, 1).await, 2, "what Redis holds");
    let followed = async || (item(&elsewhere, 1).await == 2).then_some(());
    eventually(SOON, "the other process's memory to follow", followed).await;
}

#[tokio::test]
async fn a_load_that_is_under_way_brings_the_removed_value_back_only_by_hand() {
    let server = RedisServer::start();

    let db = Db::new(1);
    let by_hand = ByHand::at(server.url(), &db);
    db.gate.close();
    let reader = by_hand.clone();
    let early = tokio::spawn(async move { reader.item(1).await });
    db.gate.reached_by(1).await; // the reader has read the old row
    assert!(by_hand.change_item(1, 2).await, "written and removed");
    db.gate.open(); // now the reader stores what it has read
    assert_eq!(
        early.await.unwrap(),
        1,
        "it began before, and may return that"
    );
    assert_eq!(
        by_hand.item(1).await,
        1,
        "by hand, who reads later is shown the old row, too"
    );
    server.cli(&["FLUSHALL"]);

    let db = Db::new(1);
    let app = App::on(&server, &db).await;
    db.gate.close();
    let reader = app.clone();
    let early = tokio::spawn(async move { item(&reader, 1).await });
    db.gate.reached_by(1).await;
    db.commit(2);
    assert!(item::invalidate(&app, 1).await.is_durable());
    db.gate.open();
    assert_eq!(
        early.await.unwrap(),
        1,
        "it began before, and may return that"
    );
    assert_eq!(item(&app, 1).await, 2);
    let newcomer = App::on(&server, &db).await;
    assert_eq!(item(&newcomer, 1).await, 2, "what Redis holds");
}
