//! Clusters that speak TLS, want passwords or users, and announce host names.

use cache_runtime::CacheConfig;
use cache_tests::{Authority, RedisCluster, RedisServer, eventually};

use crate::app::{App, Db, SOON, change_item, exact, item};

/// Enough for every bucket to have some.
const ITEMS: u32 = 200;

fn hosts(cluster: &RedisCluster, host: &str) -> String {
    let nodes = cluster.nodes().iter();
    let nodes: Vec<String> = nodes
        .map(|node| format!("{host}:{}", node.port()))
        .collect();
    nodes.join(",")
}

/// A miss, a hit in another process, a removal of each kind that reaches it, on all masters.
async fn works(cluster: &RedisCluster, config: impl Fn() -> CacheConfig) {
    let db = Db::new(1);
    let config = || config().budget(SOON);
    let (one, other) = (
        App::connected(config(), &db).await,
        App::connected(config(), &db).await,
    );
    for id in 0..ITEMS {
        assert_eq!(item(&one, id).await, 1);
    }
    one.has_stored(u64::from(ITEMS)).await;
    for id in 0..ITEMS {
        // On a busy machine a connection may go unheard for a moment, and a call goes without it.
        eventually(SOON, "an answer from the cache", async || {
            let before = db.reads();
            assert_eq!(item(&other, id).await, 1);
            (db.reads() == before).then_some(())
        })
        .await;
    }
    for node in cluster.nodes() {
        assert!(node.keys().iter().any(|key| key.contains("item:")));
    }
    change_item(&one, 1, 2).await;
    let follows = async || (item(&other, 1).await == 2).then_some(());
    eventually(SOON, "the removal to reach the other process", follows).await;
    db.commit(3);
    assert!(one.cache.invalidate_tag("items").await.is_durable());
    for id in 0..ITEMS {
        assert_eq!(exact(&other, id).await, 3);
    }
}

#[tokio::test]
async fn a_cluster_with_tls_client_certificates_and_a_password() {
    let authority = Authority::found();
    let files = authority.issue("server", &["127.0.0.1"]);
    let own = authority.issue("client", &["client"]);
    let password = "p@:/#% ü";
    let node = RedisServer::builder()
        .tls_with(&files)
        .client_certificates()
        .config("tls-cluster", "yes")
        .password(password);
    let cluster = RedisCluster::start_with(&node);
    let hosts = hosts(&cluster, "127.0.0.1");
    for scheme in ["rediss", "rediss-cluster"] {
        works(&cluster, || {
            CacheConfig::default()
                .redis_url(format!("{scheme}://:p%40%3A%2F%23%25%20%C3%BC@{hosts}"))
                .tls_ca_file(own.ca())
                .tls_client_files(own.certificate(), own.key())
                .namespace(scheme)
        })
        .await;
    }
}

#[tokio::test]
async fn a_cluster_for_a_user_with_no_more_than_the_documented_rights() {
    let rules = "resetchannels ~{b*}shop:* &{b*}shop:%ledger@0 +hello +select +ping +time +info +client +script|load +evalsha \
                 +eval +get +mget +set +getrange +setrange +exists +unlink +pttl +pexpire +zadd +zrem +zcard +zscore +zrange \
                 +zrangebyscore +zrevrangebyscore +zremrangebyscore +zrangebylex +zlexcount +publish +subscribe +cluster|slots";
    let node = RedisServer::builder().acl("app", "s3cr/et", rules);
    let cluster = RedisCluster::start_with(&node);
    let hosts = hosts(&cluster, "127.0.0.1");
    works(&cluster, || {
        CacheConfig::default()
            .redis_url(format!("redis-cluster://app:s3cr%2Fet@{hosts}"))
            .namespace("shop")
    })
    .await;
}

/// The certificate is good for a name only: whoever connected to an address would be refused.
#[tokio::test]
async fn a_cluster_that_announces_names_is_reached_by_them() {
    let authority = Authority::found();
    let files = authority.issue("server", &["localhost"]);
    let node = RedisServer::builder()
        .tls_with(&files)
        .config("tls-cluster", "yes")
        .config("cluster-announce-hostname", "localhost")
        .config("cluster-preferred-endpoint-type", "hostname");
    let cluster = RedisCluster::start_with(&node);
    // One node is enough: the others are found by the names they announce.
    let port = cluster.nodes()[0].port();
    for (scheme, namespace) in [("rediss-cluster", "named"), ("rediss", "found")] {
        works(&cluster, || {
            CacheConfig::default()
                .redis_url(format!("{scheme}://localhost:{port}"))
                .tls_ca_file(files.ca())
                .namespace(namespace)
        })
        .await;
    }
}
