//! "Reason does it not connect?" in words, for each way in which it does not.

use cache_runtime::{Cache, CacheConfig, ConnectionTest, Error};
use cache_tests::{FreePort, RedisServer};

async fn test(url: String) -> Result<ConnectionTest, Error> {
    Cache::new(CacheConfig::default().redis_url(url))
        .unwrap()
        .test_connection()
        .await
}

async fn says(url: String, word: &str) {
    let text = test(url).await.unwrap_err().to_string();
    assert!(text.contains(word), "{text}");
    assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
}

#[tokio::test]
async fn a_server_that_is_well_is_timed_step_by_step_and_left_as_it_was() {
    let server = RedisServer::start();
    let report = test(server.url()).await.unwrap();
    assert!(
        report.connect_ms > 0.0
            && report.set_ms > 0.0
            && report.get_ms > 0.0
            && report.delete_ms > 0.0
    );
    assert!(!report.tls);
    assert!(
        !server.keys().iter().any(|key| key.contains("test")),
        "{:?}",
        server.keys()
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_without_the_password() {
    let port = FreePort::reserve();
    says(
        format!("redis://u:hunter2@127.0.0.1:{}", port.number()),
        "nothing listens at this address",
    )
    .await;
    let server = RedisServer::builder().password("right").start();
    says(
        server.url_as("default", "hunter2"),
        "check user and password",
    )
    .await;
    let plain = RedisServer::start();
    says(
        format!("rediss://:hunter2@127.0.0.1:{}", plain.port()),
        "TLS",
    )
    .await;
    plain.freeze();
    let text = Cache::new(
        CacheConfig::default()
            .redis_url(plain.url())
            .connect_timeout(std::time::Duration::from_millis(200)),
    )
    .unwrap()
    .test_connection()
    .await
    .unwrap_err()
    .to_string();
    plain.thaw();
    assert!(text.contains("Redis did not answer in time"), "{text}");
}

#[tokio::test]
async fn without_redis_it_says_what_to_set() {
    let text = Cache::new(CacheConfig::default())
        .unwrap()
        .test_connection()
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("REDIS_URL"), "{text}");
}
