//! A read that removes what its own key is part of: its value is stored all the same, unless somebody else has removed it.

use cache_runtime::{Invalidation, cached};
use cache_tests::RedisServer;

use crate::app::{App, Db};

#[cached(ttl = "5m", key = "jobs:<id>", tags = ["jobs", "shelf:<id>"], invalidates = "jobs:", cache = app.cache, skip(app))]
async fn job(app: &App, id: u32) -> u64 {
    app.db.read().await
}

#[cached(ttl = "5m", key = "jobs:other", cache = app.cache, skip(app))]
async fn neighbour(app: &App) -> u64 {
    app.db.read().await
}

/// One process loads; `remover` removes something while its body runs. Says who read what afterwards, in two rounds.
async fn overtaken(remover: usize, remove: impl AsyncFn(&App) -> Invalidation) -> [u64; 4] {
    let server = RedisServer::start();
    let db = Db::new(1);
    let apps = [App::on(&server, &db).await, App::on(&server, &db).await];
    assert_eq!(neighbour(&apps[1]).await, 1);
    apps[1].has_stored(1).await;
    db.gate.close();
    let early = tokio::spawn({
        let app = apps[0].clone();
        async move { job(&app, 1).await }
    });
    db.gate.reached_by(1).await;
    db.commit(2);
    assert!(remove(&apps[remover]).await.is_durable());
    db.gate.open();
    assert_eq!(early.await.unwrap(), 1, "it had begun before");
    apps[0].ended_a_store().await;
    let mut read = [0; 4];
    for (at, app) in [1, 0, 1, 0].into_iter().enumerate() {
        read[at] = job(&apps[app], 1).await;
    }
    // What it removes is gone whatever became of its own value.
    assert_eq!(neighbour(&apps[1]).await, 2);
    read
}

impl App {
    /// A store has ended, one way or the other, besides those of before.
    async fn ended_a_store(&self) {
        cache_tests::eventually(crate::app::SOON, "a store to end", async || {
            let stats = self.cache.stats();
            (stats.stores + stats.stores_lost >= 1).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn it_is_a_hit_for_all_though_something_unrelated_is_removed_meanwhile() {
    for remover in [0, 1] {
        let read = overtaken(remover, async |app| {
            app.cache.invalidate_prefix("people:").await
        });
        assert_eq!(read.await, [1; 4], "by process {remover}");
        let read = overtaken(remover, async |app| {
            for id in 0..30 {
                let tag = format!("unrelated:{id}");
                assert!(app.cache.invalidate_tag(tag).await.is_durable());
            }
            app.cache.delete("jobs:2").await
        });
        assert_eq!(read.await, [1; 4], "by process {remover}");
    }
}

#[tokio::test]
async fn it_is_not_stored_if_somebody_else_removes_it_meanwhile() {
    for pattern in [
        "jobs:", "jobs:1", "#jobs", "#shelf:1", "j*", "*:1", "=jobs:1", "*",
    ] {
        for remover in [0, 1] {
            let read = overtaken(remover, async |app| {
                app.cache.invalidate_pattern(pattern).await.unwrap()
            });
            assert_eq!(read.await, [2; 4], "{pattern} by process {remover}");
        }
    }
}

#[tokio::test]
async fn without_anything_meanwhile_one_body_serves_all() {
    let server = RedisServer::start();
    let db = Db::new(1);
    let (one, other) = (App::on(&server, &db).await, App::on(&server, &db).await);
    job(&one, 1).await;
    one.has_stored(1).await;
    for _ in 0..3 {
        assert_eq!((job(&other, 1).await, job(&one, 1).await), (1, 1));
    }
    assert_eq!(db.reads(), 1);
    // Of two, the later removes the earlier.
    job(&other, 2).await;
    other.has_stored(1).await;
    db.commit(2);
    assert_eq!((job(&other, 2).await, job(&other, 1).await), (1, 2));
}
