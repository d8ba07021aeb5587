//! What `CacheLayer` adds to a response, and what it leaves alone.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::get as on_get;
use cache_runtime::CacheConfig;
use cache_runtime::http::CacheLayer;
use cache_tests::{RedisServer, eventually};
use tokio::time::advance;

use crate::client::{Answer, get, send};
use crate::service::{Service, feed, value};

fn told(answer: &Answer) -> (String, String) {
    (answer.header("x-cache"), answer.header("cache-status"))
}

#[tokio::test(start_paused = true)]
async fn a_miss_a_hit_and_a_stale_answer_say_so() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    let miss = get(&app, "/value").await;
    assert_eq!(miss.body, "run 1");
    assert_eq!(
        told(&miss),
        ("MISS".into(), "cache; fwd=uri-miss; ttl=60; stored".into())
    );
    assert_eq!(
        miss.header("cache-control"),
        "private, max-age=60, stale-while-revalidate=30"
    );
    assert_eq!(miss.header("age"), "");

    advance(Duration::from_millis(20_500)).await;
    let hit = get(&app, "/value").await;
    assert_eq!(told(&hit), ("HIT".into(), "cache; hit; ttl=39".into()));
    assert_eq!(
        (hit.header("age"), hit.body.as_str()),
        ("20".into(), "run 1")
    );
    assert_eq!(
        hit.header("cache-control"),
        "private, max-age=60, stale-while-revalidate=30"
    );

    advance(Duration::from_secs(50)).await;
    let stale = get(&app, "/value").await;
    assert_eq!(
        told(&stale),
        (
            "STALE".into(),
            "cache; hit; ttl=-11; detail=refreshing".into()
        )
    );
    assert_eq!(stale.header("age"), "70");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_several_values_lives_as_long_as_the_first_to_end() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    get(&app, "/value").await;
    advance(Duration::from_secs(30)).await;
    let answer = get(&app, "/both").await;
    assert_eq!(
        told(&answer),
        ("MISS".into(), "cache; fwd=uri-miss; ttl=10; stored".into())
    );
    // One value is 30 s old, the other new: ten seconds are left, and none of staleness.
    assert_eq!(answer.header("age"), "30");
    assert_eq!(answer.header("cache-control"), "private, max-age=40");

    let each = Service::new().behind(CacheLayer::new().each_call().keys());
    let told = get(&each, "/both").await.header("cache-status");
    assert_eq!(
        told,
        "http::service::load_short; fwd=uri-miss; ttl=10; stored; key=\"short\", \
         http::service::load; fwd=uri-miss; ttl=60; stored; key=\"value\""
    );
    let one = get(&each, "/value").await.header("cache-status");
    assert_eq!(one, "http::service::load; hit; ttl=60; key=\"value\"");
}

#[tokio::test]
async fn what_is_not_kept_is_not_promised() {
    let app = Service::new().behind(CacheLayer::new().cache_control().name("board"));
    let unkept = get(&app, "/empty").await;
    assert_eq!(told(&unkept), ("MISS".into(), "board; fwd=uri-miss".into()));
    assert_eq!(unkept.header("cache-control"), "private, no-cache");
    let nan = get(&app, "/nan").await;
    assert_eq!(
        told(&nan),
        ("BYPASS".into(), "board; fwd=bypass; detail=no-key".into())
    );
    let plain = get(&app, "/plain").await;
    assert_eq!(told(&plain), (String::new(), String::new()));
    assert_eq!(
        (plain.header("etag"), plain.header("cache-control")),
        (String::new(), "private, no-cache".into())
    );
}

#[tokio::test]
async fn errors_cookies_and_refusals_are_not_stored_and_whole_responses_are() {
    let service = Service::new();
    let app = service.behind(CacheLayer::new().cache_control());
    for (path, status) in [("/fails", 502), ("/cookie", 200), ("/conflict", 409)] {
        for _ in 0..2 {
            let answer = get(&app, path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-cache")),
                (status, "MISS".into()),
                "{path}"
            );
            assert!(!answer.header("cache-status").contains("stored"), "{path}");
            if status >= 400 {
                assert_eq!(answer.header("etag"), "", "{path}");
                let control = answer.header("cache-control");
                assert_eq!(control, "private, no-cache", "{path}");
            }
        }
    }
    assert_eq!(service.runs.load(SeqCst), 6);
    get(&app, "/whole").await;
    let whole = get(&app, "/whole").await;
    assert_eq!(
        (whole.header("x-cache"), whole.header("x-own")),
        ("HIT".into(), "yes".into())
    );
}

#[tokio::test]
async fn who_has_it_already_gets_a_304() {
    let app = Service::new().behind(CacheLayer::new().cache_control().vary(["accept-language"]));
    let first = get(&app, "/value").await;
    let etag = first.header("etag");
    assert!(etag.starts_with("W/\"") && etag.len() == 36, "{etag}");

    for known in [
        etag.as_str(),
        "*",
        &format!("\"x\", {etag}"),
        &etag["W/".len()..],
    ] {
        let again = send(&app, Method::GET, "/value", &[("if-none-match", known)]).await;
        assert_eq!(
            (again.status, again.body.as_str()),
            (StatusCode::NOT_MODIFIED, ""),
            "{known}"
        );
        assert_eq!(again.header("etag"), etag);
        assert_eq!(
            again.header("content-length") + &again.header("content-type"),
            ""
        );
        assert_eq!(again.header("vary"), "accept-language");
        assert!(again.header("cache-control").contains("max-age"));
        assert_eq!(again.header("x-cache"), "HIT");
    }
    let other = send(
        &app,
        Method::GET,
        "/value",
        &[("if-none-match", "\"other\"")],
    )
    .await;
    assert_eq!(
        (other.status, other.body.as_str()),
        (StatusCode::OK, "run 1")
    );

    let head = send(&app, Method::HEAD, "/value", &[]).await;
    assert_eq!(
        (head.header("etag"), head.body.as_str()),
        (etag.clone(), "")
    );
    assert_eq!(head.header("content-length"), "5");
    let head = send(&app, Method::HEAD, "/value", &[("if-none-match", &etag)]).await;
    assert_eq!(head.status, StatusCode::NOT_MODIFIED);

    let strong = Service::new().behind(CacheLayer::new().strong_etag());
    assert!(get(&strong, "/value").await.header("etag").starts_with('"'));
    let none = Service::new().behind(CacheLayer::new().without_etag());
    assert_eq!(get(&none, "/value").await.header("etag"), "");
}

#[tokio::test]
async fn a_handlers_own_word_stands() {
    let app = Service::new().behind(CacheLayer::new().cache_control().vary(["cookie", "accept"]));
    get(&app, "/own").await;
    let own = get(&app, "/own").await;
    assert_eq!(own.header("cache-control"), "max-age=7");
    assert_eq!(
        (own.header("etag"), own.header("age")),
        ("\"mine\"".into(), "3".into())
    );
    assert_eq!(own.header("vary"), "Accept, cookie");
    assert_eq!(own.header("x-cache"), "HIT");
    let again = send(
        &app,
        Method::GET,
        "/own",
        &[("if-none-match", "W/\"mine\"")],
    )
    .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_nobody_speaks_for_is_for_who_asked_alone() {
    let app = Service::new().behind(CacheLayer::new());
    // Cached, public but not asked to tell, uncached, failed, of no route.
    for path in ["/value", "/feed", "/plain", "/fails", "/nowhere"] {
        let answer = get(&app, path).await;
        let control = answer.header("cache-control");
        assert_eq!(control, "private, no-cache", "{path}");
    }
    let telling = Service::new().behind(CacheLayer::new().cache_control());
    for (method, path) in [(Method::POST, "/feed"), (Method::GET, "/gone")] {
        let answer = send(&telling, method, path, &[]).await;
        let control = answer.header("cache-control");
        assert_eq!(control, "private, no-cache", "{path}");
    }
    let expires = get(&app, "/expires").await;
    assert_eq!(expires.header("cache-control"), "");
    let vary = get(&app, "/posts").await;
    assert_eq!(
        (vary.header("cache-control"), vary.header("vary")),
        ("private, no-cache".into(), "cookie".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_stored_response_that_had_an_age_grows_older() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    let miss = get(&app, "/aged").await;
    assert_eq!(miss.header("age"), "3");
    assert_eq!(miss.header("cache-control"), "private, max-age=63");
    advance(Duration::from_secs(20)).await;
    let hit = get(&app, "/aged").await;
    assert_eq!(told(&hit), ("HIT".into(), "cache; hit; ttl=40".into()));
    assert_eq!(hit.header("age"), "23");
    // Forty seconds are left of it, whoever counts.
    assert_eq!(hit.header("cache-control"), "private, max-age=63");
}

/// From Redis as from memory, which the first read from Redis fills.
#[tokio::test]
async fn a_response_that_redis_has_stored_grows_older_too() {
    let soon = Duration::from_secs(10);
    let server = RedisServer::start();
    let config = || CacheConfig::default().redis_url(server.url()).budget(soon);
    let storing = Service::with(config());
    let app = storing.behind(CacheLayer::new().cache(&storing.cache));
    assert_eq!(get(&app, "/aged").await.header("age"), "3");
    eventually(soon, "a store", async || {
        (storing.cache.stats().stores > 0).then_some(())
    })
    .await;
    eventually(soon, "a read from Redis of an older response", async || {
        // Another process, whose memory is empty.
        let reading = Service::with(config());
        let app = reading.behind(CacheLayer::new().cache(&reading.cache));
        let hit = get(&app, "/aged").await;
        (reading.cache.stats().redis_hits == 1 && hit.header("age") != "3").then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn clients_are_told_what_may_stand_in_for_a_failure() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    let all = "public, max-age=60, stale-while-revalidate=30, stale-if-error=3600";
    for _ in 0..2 {
        let answer = get(&app, "/stands-in").await;
        assert_eq!(answer.header("cache-control"), all);
        advance(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn an_answer_is_public_only_where_its_function_says_so() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    let control = async |path: &str, headers: &[(&str, &str)]| {
        let mut controls = Vec::new();
        // A miss, and a hit.
        for _ in 0..2 {
            let answer = send(&app, Method::GET, path, headers).await;
            controls.push(answer.header("cache-control"));
        }
        assert_eq!(controls[0], controls[1], "{path}");
        controls.swap_remove(0)
    };
    let (public, private) = ("public, max-age=60", "private, max-age=60");
    assert_eq!(control("/feed", &[]).await, public);
    assert!(control("/value", &[]).await.starts_with(private));
    assert!(control("/both", &[]).await.starts_with("private, "));
    // Whoever presents credentials may have been given more than the function gave.
    let bearer = [("authorization", "Bearer x")];
    let cookie = [("cookie", "a=1")];
    assert_eq!(control("/feed", &bearer).await, private);
    assert_eq!(control("/feed", &cookie).await, private);
    assert!(control("/cookie", &[]).await.starts_with("private, "));

    // The same path, by who asks: the condition is on the arguments.
    assert_eq!(control("/posts", &[]).await, public);
    assert_eq!(control("/posts", &cookie).await, private);

    let varied = Service::new().behind(CacheLayer::new().cache_control().vary(["authorization"]));
    let answer = send(&varied, Method::GET, "/feed", &bearer).await;
    assert_eq!(answer.header("cache-control"), public);
    let never = Service::new().behind(CacheLayer::new().private());
    assert_eq!(get(&never, "/feed").await.header("cache-control"), private);
}

/// Two users may share a browser.
#[tokio::test]
async fn what_a_browser_may_keep_for_one_user_varies_by_the_credentials() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    for name in ["authorization", "cookie"] {
        let answer = send(&app, Method::GET, "/value", &[(name, "user=1")]).await;
        let control = answer.header("cache-control");
        assert!(control.starts_with("private, max-age=60"), "{control}");
        assert_eq!(answer.header("vary"), name);
    }
    assert_eq!(get(&app, "/feed").await.header("vary"), "");
}

#[tokio::test]
async fn a_function_names_the_headers_that_its_key_depends_on() {
    let app = Service::new().behind(CacheLayer::new().vary(["accept-language"]));
    for _ in 0..2 {
        let answer = get(&app, "/posts").await;
        assert_eq!(answer.header("vary"), "accept-language, cookie");
    }
    assert_eq!(get(&app, "/value").await.header("vary"), "accept-language");
}

#[tokio::test]
async fn what_a_key_does_not_tell_apart_is_not_shared_by_those_who_present_credentials() {
    let service = Service::new();
    let app = service.behind(CacheLayer::new());
    let ask = async |path: &str, who: &str| {
        let answer = send(&app, Method::GET, path, &[("authorization", who)]).await;
        (answer.header("x-cache"), answer.body)
    };
    get(&app, "/mine/1").await;
    for who in ["Bearer a", "Bearer b", "Bearer b"] {
        let (cache, body) = ask("/mine/1", who).await;
        assert_eq!((cache, body), ("BYPASS".into(), format!("{who:?}")));
    }
    let bearer = [("authorization", "Bearer a")];
    let refused = send(&app, Method::GET, "/mine/1", &bearer).await;
    assert_eq!(
        refused.header("cache-status"),
        "cache; fwd=bypass; detail=credentials"
    );
    // Nor was anything stored for the rest, who go on as they were.
    let nobody = get(&app, "/mine/1").await;
    assert_eq!(
        (nobody.header("x-cache"), nobody.body),
        ("HIT".into(), "\"\"".into())
    );

    // In the key, said of the key, for everyone, or no answer but part of one.
    for path in ["/in-key", "/says-so", "/feed", "/value"] {
        assert_eq!(ask(path, "Bearer a").await.0, "MISS", "{path}");
        assert_eq!(ask(path, "Bearer a").await.0, "HIT", "{path}");
    }
    assert_eq!(ask("/in-key", "Bearer b").await.0, "MISS");
}

#[tokio::test]
async fn what_calls_itself_private_is_kept_where_the_key_tells_clients_apart() {
    let app = Service::new().behind(CacheLayer::new());
    for cookie in ["a=1", "a=2"] {
        for expected in ["MISS", "HIT"] {
            let cookie = [("cookie", cookie)];
            let answer = send(&app, Method::GET, "/private-by-key", &cookie).await;
            assert_eq!(answer.header("x-cache"), expected);
            assert_eq!(answer.header("cache-control"), "private, max-age=5");
        }
    }
    for run in 3..5 {
        let answer = get(&app, "/private-to-all").await;
        assert_eq!(
            (answer.header("x-cache"), answer.body),
            ("MISS".into(), run.to_string())
        );
    }
}

#[tokio::test]
async fn error_statuses_are_kept_where_that_is_asked_for() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    for (path, status, run) in [("/absent", 404, "1"), ("/gone", 410, "2")] {
        for expected in ["MISS", "HIT"] {
            let answer = get(&app, path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body.as_str()),
                (status, run)
            );
            assert_eq!(answer.header("x-cache"), expected, "{path}");
            let age = if expected == "HIT" { "0" } else { "" };
            assert_eq!(answer.header("age"), age);
        }
    }
    for run in ["3", "4"] {
        let answer = get(&app, "/broken").await;
        assert_eq!(
            (answer.header("x-cache").as_str(), answer.body.as_str()),
            ("MISS", run)
        );
    }
}

#[tokio::test]
async fn a_client_may_ask_past_the_cache_only_where_that_is_allowed() {
    let no_cache = [("cache-control", "max-age=0, No-Cache")];
    let closed = Service::new().behind(CacheLayer::new());
    get(&closed, "/value").await;
    let answer = send(&closed, Method::GET, "/value", &no_cache).await;
    assert_eq!(
        (answer.header("x-cache"), answer.body.as_str()),
        ("HIT".into(), "run 1")
    );

    let open = Service::new().behind(CacheLayer::new().honor_no_cache());
    get(&open, "/value").await;
    let anew = send(&open, Method::GET, "/value", &no_cache).await;
    assert_eq!(
        told(&anew),
        ("MISS".into(), "cache; fwd=request; ttl=60; stored".into())
    );
    assert_eq!(anew.body, "run 2");
    let after = get(&open, "/value").await;
    assert_eq!(
        (after.header("x-cache"), after.body.as_str()),
        ("HIT".into(), "run 2")
    );
}

#[tokio::test(start_paused = true)]
async fn clients_that_ask_past_the_cache_at_once_cost_one_load() {
    let service = Service::new();
    let app = service.behind(CacheLayer::new().honor_no_cache());
    let no_cache = [("cache-control", "no-cache")];
    let ask = || send(&app, Method::GET, "/slow", &no_cache);
    get(&app, "/slow").await;
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    for answer in [one, two, three] {
        assert_eq!(
            (answer.header("x-cache"), answer.body),
            ("MISS".into(), "2".into())
        );
    }
    // Others had the old value meanwhile, and have the new one now.
    let (hit, anew) = tokio::join!(get(&app, "/slow"), ask());
    assert_eq!(
        (hit.header("x-cache"), hit.body.as_str()),
        ("HIT".into(), "2")
    );
    assert_eq!(anew.body, "3");
    assert_eq!(get(&app, "/slow").await.body, "3");
    assert_eq!(service.runs.load(SeqCst), 3);
}

#[tokio::test]
async fn who_shares_a_load_says_so() {
    let app = Service::new().behind(CacheLayer::new().cache_control());
    let (one, two) = tokio::join!(get(&app, "/slow"), get(&app, "/slow"));
    let mut statuses = [one.header("cache-status"), two.header("cache-status")];
    statuses.sort();
    assert_eq!(
        statuses,
        [
            "cache; fwd=miss; ttl=60; collapsed",
            "cache; fwd=uri-miss; ttl=60; stored"
        ]
    );
    assert_eq!(one.header("cache-control"), two.header("cache-control"));
}

#[tokio::test]
async fn a_route_speaks_for_itself_behind_a_layer_around_everything() {
    let service = Service::new();
    let app = Router::new()
        .route(
            "/public",
            on_get(feed).layer(CacheLayer::new().cache_control()),
        )
        .route("/rest", on_get(value))
        .layer(CacheLayer::new())
        .with_state(service);
    let public = get(&app, "/public").await;
    assert!(
        public
            .header("cache-control")
            .starts_with("public, max-age=60")
    );
    assert_eq!(
        public.header("cache-status"),
        "cache; fwd=uri-miss; ttl=60; stored"
    );
    let rest = get(&app, "/rest").await;
    assert_eq!(
        (rest.header("cache-control"), rest.header("x-cache")),
        ("private, no-cache".into(), "MISS".into())
    );
}

#[tokio::test]
async fn an_outage_shows_and_every_request_is_answered() {
    let soon = Duration::from_secs(10);
    let server = RedisServer::start();
    let service = Service::with(CacheConfig::default().redis_url(server.url()).budget(soon));
    let app = service.behind(CacheLayer::new().cache(&service.cache));
    eventually(soon, "a connection", async || {
        service.cache.health().await.latency_ms.map(drop)
    })
    .await;
    assert_eq!(
        get(&app, "/value").await.header("cache-status"),
        "cache; fwd=uri-miss; ttl=60; stored"
    );
    eventually(soon, "a store", async || {
        (service.cache.stats().stores > 0).then_some(())
    })
    .await;
    assert!(
        get(&app, "/value")
            .await
            .header("cache-status")
            .starts_with("cache; hit; ttl=")
    );

    server.kill9();
    eventually(soon, "the breaker", async || {
        let answer = get(&app, "/value").await;
        assert_eq!(answer.status, StatusCode::OK);
        answer
            .header("cache-status")
            .ends_with("detail=breaker-open")
            .then_some(())
    })
    .await;
    let answer = get(&app, "/both").await;
    assert_eq!(
        told(&answer).1,
        "cache; fwd=miss; ttl=10; stored; detail=breaker-open"
    );
}
