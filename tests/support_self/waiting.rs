//! Polling finds, gives up, and says for what.

use cache_tests::{eventually, wait_until};

use crate::{SOON, WHILE};

#[tokio::test]
async fn eventually_returns_what_was_found() {
    let mut calls = 0;
    let found = eventually(SOON, "the third call", async || {
        calls += 1;
        (calls == 3).then_some("found")
    });
    assert_eq!(found.await, "found");
    assert_eq!(calls, 3);
}

#[tokio::test]
#[should_panic(expected = "still waiting for: a flag that nobody raises")]
async fn eventually_says_what_it_waited_for() {
    eventually(WHILE, "a flag that nobody raises", async || None::<()>).await;
}

#[tokio::test]
#[should_panic(expected = "support_self/waiting.rs")]
async fn eventually_ends_a_probe_that_hangs_and_says_where() {
    eventually(WHILE, "nothing", async || {
        std::future::pending::<Option<()>>().await
    })
    .await;
}

#[test]
#[should_panic(expected = "still waiting for: nothing")]
fn wait_until_says_what_it_waited_for() {
    wait_until(WHILE, "nothing", || None::<()>);
}
