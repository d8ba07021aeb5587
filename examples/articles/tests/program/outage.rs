//! One Redis for two programs, and its sudden death.

use std::time::{Duration, Instant};

use crate::deadline::wait_for;
use crate::program::Program;
use crate::redis::Redis;

#[test]
fn two_programs_share_what_either_has_loaded_or_removed() {
    let redis = Redis::start();
    let url = redis.url();
    let settings = [("REDIS_URL", url.as_str()), ("REDIS_MAX_CONNECTIONS", "1")];
    let (one, other) = (
        Program::start("shared", &settings),
        Program::start("shared", &settings),
    );
    for program in [&one, &other] {
        program.wait_until_connected();
    }

    assert_eq!(one.get("/articles/17").x_cache(), "MISS");
    wait_for("the entry in Redis", || {
        redis.holds("articles:17").then_some(())
    });
    assert_eq!(other.get("/articles/17").x_cache(), "HIT");

    let changed = one.send(
        "PUT",
        "/articles/17",
        r#"{"title": "On lamps", "body": "They burn."}"#,
    );
    assert_eq!(changed.status(), "200");
    // Redis tells the other's memory: within a millisecond or so, not at once.
    wait_for("the change in the other program", || {
        other
            .get("/articles/17")
            .body
            .contains("On lamps")
            .then_some(())
    });
    assert_eq!(redis.connections(), 2, "one for each program");
}

#[test]
fn requests_are_answered_while_redis_is_dead() {
    let mut redis = Redis::start();
    let url = redis.url();
    let mut program = Program::start("outage", &[("REDIS_URL", &url)]);
    program.wait_until_connected();
    program.get("/articles/17");
    wait_for("the entry in Redis", || {
        redis.holds("articles:17").then_some(())
    });

    redis.kill();
    for id in 17..27 {
        for _ in 0..2 {
            let asked = Instant::now();
            let answer = program.get(&format!("/articles/{id}"));
            assert_eq!(answer.status(), "200", "{id}");
            // A budget of 50 ms, and what a busy machine adds.
            assert!(
                asked.elapsed() < Duration::from_secs(1),
                "{:?}",
                asked.elapsed()
            );
        }
    }
    // Memory stands in, and is told of every write.
    assert_eq!(program.get("/articles/26").x_cache(), "HIT");
    let text = r#"{"title": "On lamps", "body": "They burn."}"#;
    assert_eq!(program.send("PUT", "/articles/26", text).status(), "200");
    let after = program.get("/articles/26");
    assert_eq!((after.status(), after.x_cache()), ("200", "MISS"));
    assert!(after.body.contains("On lamps"), "{}", after.body);

    let health = program.get("/health/cache");
    assert_eq!(health.status(), "200");
    assert!(
        health.body.contains(r#""redis_available":false"#),
        "{}",
        health.body
    );

    program.terminate();
    assert_eq!(program.ended().code(), Some(0));
}
