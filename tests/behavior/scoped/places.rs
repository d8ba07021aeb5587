//! Where a test runs: in memory, and over Redis at several distances.

use std::time::Duration;

use cache_runtime::CacheConfig;
use cache_runtime::testing::{self, Scope};
use cache_tests::{FaultProxy, RedisServer};

/// Runs the work in memory, and over Redis with round trips of 0, 5 and 40 ms.
pub(crate) async fn everywhere<F: Future<Output = ()>>(work: impl Fn() -> F) {
    testing::scope(work()).await;
    for round_trip in [0, 5, 40] {
        let server = RedisServer::start();
        let proxy = FaultProxy::in_front_of(&server);
        proxy.set_round_trip(Duration::from_millis(round_trip));
        let config = CacheConfig::default().redis_url(proxy.url());
        let scope = Scope::with(config.budget(Duration::from_secs(10))).unwrap();
        scope.run(work()).await;
    }
}
