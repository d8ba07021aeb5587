//! A bare connection for benches that take their own time, and what they make of many times.

use std::time::Duration;

use redis::aio::MultiplexedConnection;

/// A bare connection without the client's time limit: it is to say how long things take.
pub(crate) async fn patient(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap_or_else(|error| panic!("{error}"));
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(5)))
        .set_response_timeout(None);
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn ask<T: redis::FromRedisValue>(
    bare: &mut MultiplexedConnection,
    question: &redis::Cmd,
) -> T {
    question
        .query_async(bare)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A command from its words.
pub(crate) fn words(line: &str) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    for word in line.split(' ') {
        command.arg(word);
    }
    command
}

pub(crate) fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}

pub(crate) fn worst<T: PartialOrd + Copy>(values: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    values.iter().copied().fold(values[0], larger)
}
