//! What the environment changes.

use crate::deadline::wait_for;
use crate::program::Program;

#[test]
fn lifetimes_come_from_the_environment() {
    let lifetimes = [
        ("CACHE_TTL_ARTICLES_LIST", "70"),
        ("CACHE_TTL_ARTICLES_DETAIL", "80s"),
        ("CACHE_TTL_USERS", "90s"),
        ("CACHE_TTL_TAGS", "2m"),
    ];
    let program = Program::start("lifetimes", &lifetimes);
    for (path, seconds) in [
        ("/articles", 70),
        ("/articles/17", 80),
        ("/users/3", 90),
        ("/tags", 120),
    ] {
        let answer = program.get(path);
        let status = answer.header("cache-status");
        assert!(
            status.contains(&format!("ttl={seconds};")),
            "{path}: {status}"
        );
    }
}

#[test]
fn a_page_is_asked_for_again_once_it_has_expired() {
    let program = Program::start("expiry", &[("CACHE_TTL_ARTICLES_LIST", "1s")]);
    assert_eq!(program.get("/articles").x_cache(), "MISS");
    assert_eq!(program.get("/articles").x_cache(), "HIT");
    wait_for("the page to expire", || {
        (program.get("/articles").x_cache() == "MISS").then_some(())
    });
}

#[test]
fn a_setting_that_cannot_be_right_is_one_line() {
    for (variable, value) in [
        ("PORT", "http"),
        ("REDIS_MAX_CONNECTIONS", "0"),
        ("REDIS_MAX_CONNECTIONS", "many"),
        ("REDIS_URL", "localhost"),
        ("CACHE_TTL_ARTICLES_LIST", "soon"),
    ] {
        let (status, said) = Program::refused("refused", &[(variable, value)]);
        assert_eq!(status.code(), Some(1), "{variable}: {said}");
        assert!(
            said.contains(variable) && said.lines().count() == 1,
            "{said}"
        );
    }
}
