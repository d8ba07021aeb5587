//! Other servers than a plain one: TLS, sentinels, replicas.

use cache_tests::{RedisServer, SentinelSet, eventually};

use crate::program::{SECRET, cachectl, cachectl_with};
use crate::store::SOON;

#[tokio::test]
async fn an_authority_that_is_unknown_is_named_and_one_that_is_known_is_enough() {
    let server = RedisServer::builder().tls().password(SECRET).start();
    let url = server.url();
    let unknown = cachectl(&url, &["doctor"]).await;
    unknown.ends_with(2).says(&[
        "an authority that this machine does not trust",
        "SSL_CERT_FILE",
    ]);
    let ca = server.ca().to_str().unwrap();
    let known = cachectl_with(&[("REDIS_URL", &url), ("SSL_CERT_FILE", ca)], &["doctor"]).await;
    known
        .ends_with(0)
        .says(&["encrypted; the server's certificate is trusted"]);
    let plain = cachectl(&url.replace("rediss://", "redis://"), &["doctor"]).await;
    plain.ends_with(2).says(&["rediss://"]);
}

#[tokio::test]
async fn tls_to_a_port_that_speaks_none_is_explained() {
    let server = RedisServer::start();
    let ran = cachectl(&server.url().replace("redis://", "rediss://"), &["doctor"]).await;
    ran.ends_with(2).says(&["redis://", "remedy"]);
}

#[tokio::test]
async fn sentinels_are_asked_and_servers_that_they_watch_are_recognised() {
    let set = SentinelSet::start(1);
    let sentinel = set.sentinels()[0].port();
    let url = format!(
        "redis-sentinel://127.0.0.1:{sentinel},127.0.0.1:1/{}",
        SentinelSet::MASTER_NAME
    );
    let ran = cachectl(&url, &["doctor"]).await;
    ran.ends_with(0)
        .says(&["1 of 2 name the master", "127.0.0.1:1", "with 1 replica"]);
    let unknown = cachectl(
        &url.replace(SentinelSet::MASTER_NAME, "nobody"),
        &["doctor"],
    )
    .await;
    unknown.ends_with(2).says(&[
        "no sentinel names the master `nobody`",
        "knows no master `nobody`",
    ]);

    let master = set.master().url();
    eventually(SOON, "the sentinel's subscription", async || {
        let ran = cachectl(&master, &["doctor"]).await;
        ran.ends_with(0)
            .stdout
            .contains("watch this server")
            .then_some(())
    })
    .await;
    let replica = cachectl(&set.replica().url(), &["doctor"]).await;
    replica
        .ends_with(1)
        .says(&["this server is a replica", "use its master"]);
    let itself = cachectl(&set.sentinels()[0].url(), &["doctor"]).await;
    itself
        .ends_with(1)
        .says(&["this is a sentinel", "redis-sentinel://"]);
}
