//! Ten requests at once for a page that nobody has asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bench_parts::client::Connection;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::ask::Outcome;
use crate::service::Service;

const TEN: usize = 10;

/// Until the last is answered, and how many statements that took.
pub(crate) async fn run(service: &Service, ask: &[u8]) -> (Duration, u64) {
    let before = service.statements().await;
    let barrier = Arc::new(Barrier::new(TEN + 1));
    let mut callers = JoinSet::new();
    for _ in 0..TEN {
        let (barrier, ask, address) = (barrier.clone(), ask.to_vec(), service.address);
        callers.spawn(async move {
            let connection = Connection::open(address).await;
            let mut connection = connection.expect("a connection");
            barrier.wait().await;
            Outcome::of(&mut connection, &ask).await
        });
    }
    barrier.wait().await;
    let began = Instant::now();
    let outcomes = callers.join_all().await;
    let took = began.elapsed();
    let all_right = outcomes.iter().all(|outcome| *outcome != Outcome::Failed);
    assert!(all_right, "one of ten failed");
    (took, service.statements().await - before)
}
