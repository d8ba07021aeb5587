//! The end, on request.

use std::io::{Read as _, Write as _};
use std::{env, fs, process};

use crate::deadline::wait_for;
use crate::program::{Answer, Program, head};
use crate::redis::Redis;

#[test]
fn an_open_request_is_answered_before_all_is_closed() {
    let redis = Redis::start();
    let url = redis.url();
    let mut program = Program::start("ending", &[("REDIS_URL", &url)]);
    program.wait_until_connected();
    program.get("/articles");
    wait_for("the page in Redis", || {
        redis.holds("articles:list:0:20").then_some(())
    });
    assert!(program.write_ahead_log().exists());

    // It says when its handler wants the body, and then is kept waiting for it.
    let body = r#"{"author_id": 3, "title": "Last words", "body": "They burn."}"#;
    let mut open = program.connect().expect("it listens");
    let begun = head("POST", "/articles", body) + "Expect: 100-continue\r\n\r\n";
    open.write_all(begun.as_bytes()).expect("it reads");
    let mut go_on = [0; GO_ON.len()];
    open.read_exact(&mut go_on).expect("it answers");
    assert_eq!(str::from_utf8(&go_on), Ok(GO_ON));

    program.terminate();
    wait_for("the door to be shut", || {
        program.connect().is_err().then_some(())
    });
    open.write_all(body.as_bytes()).expect("it still reads");
    let answer = Answer::read(open);
    assert_eq!(answer.status(), "201", "{answer:?}");

    assert_eq!(program.ended().code(), Some(0));
    assert!(
        !redis.holds("articles:list:0:20"),
        "the write removed nothing"
    );
    // SQLite removes it with the last connection, if that is closed and not torn down.
    assert!(
        !program.write_ahead_log().exists(),
        "the database was left open"
    );
}

/// A write while Redis is away has something to tell it. The end does not wait for a server that is dead: with a journal,
/// the next program tells it.
#[test]
fn what_redis_has_not_heard_outlives_the_program() {
    let mut redis = Redis::start();
    let url = redis.url();
    let journal = env::temp_dir().join(format!("articles-journal-{}", process::id()));
    let settings = [
        ("REDIS_URL", &*url),
        ("CACHE_JOURNAL", journal.to_str().expect("a path in UTF-8")),
        // So that nothing but the journal stands between a snapshot and its readers.
        ("CACHE_TRUST_RESTART", "on"),
    ];
    let mut program = Program::start("last-words", &settings);
    program.wait_until_connected();
    program.get("/articles/17");
    wait_for("the entry in Redis", || {
        redis.holds("articles:17").then_some(())
    });

    redis.ask("SAVE").expect("it answers");
    redis.kill();
    let text = r#"{"title": "On lamps", "body": "They burn."}"#;
    assert_eq!(program.send("PUT", "/articles/17", text).status(), "200");
    program.terminate();
    assert_eq!(program.ended().code(), Some(0));

    redis.restart();
    assert!(redis.holds("articles:17"), "the snapshot brings it back");
    // On the same database.
    let heir = Program::start("last-words", &settings);
    heir.wait_until_connected();
    let article = heir.get("/articles/17");
    assert!(article.body.contains("On lamps"), "{article:?}");
    drop(heir);
    fs::remove_dir_all(journal).expect("a folder of ours");
}

const GO_ON: &str = "HTTP/1.1 100 Continue\r\n\r\n";
