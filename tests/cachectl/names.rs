//! Names as people have them.

use cache_tests::RedisServer;

use crate::program::cachectl_with;
use crate::store::Store;

/// As a program writes them, and as they are in keys.
const NAMES: [(&str, &str); 7] = [
    ("front page", "front%20page"),
    ("a:b:c", "a:b:c"),
    (r"corp\shop", "corp%5Cshop"),
    ("Zürich 東京", "Zürich%20東京"),
    ("100%", "100%25"),
    ("it's \"quoted\"", "it%27s%20%22quoted%22"),
    ("*", "%2A"),
];

#[tokio::test]
async fn a_key_is_found_as_it_was_written_and_as_it_is_listed() {
    let server = RedisServer::start();
    let store = Store::on(&server, "shop:eu").await;
    for (name, _) in NAMES {
        store.set(name, "x").await;
    }
    store.is_catalogued(NAMES.len() as u64).await;
    let variables = [
        ("REDIS_URL", &*server.url()),
        ("CACHE_NAMESPACE", "shop:eu"),
    ];
    for (name, key) in NAMES {
        for text in [name, key] {
            let got = cachectl_with(&variables, &["get", "--json", "--", text]).await;
            assert_eq!(got.ends_with(0).json()["key"], key);
            let listed = cachectl_with(&variables, &["keys", "--json", "--", text])
                .await
                .json();
            assert_eq!(listed["entries"][0]["key"], key, "{text}");
        }
    }
    for (_, key) in NAMES {
        let pattern = format!("={key}");
        let dry = cachectl_with(&variables, &["invalidate", "--dry-run", "--json", &pattern]).await;
        assert_eq!(dry.ends_with(0).json()["matching"], 1, "{pattern}");
        let done = cachectl_with(&variables, &["invalidate", "--json", &pattern]).await;
        assert_eq!(done.ends_with(0).json()["removed"], 1, "{pattern}");
    }
    assert_eq!(server.entries(), [""; 0]);
}

#[tokio::test]
async fn a_pattern_that_is_not_escaped_is_met_with_the_right_one() {
    let server = RedisServer::start();
    let store = Store::on(&server, "").await;
    store.set("front page", "x").await;
    let variables = [("REDIS_URL", &*server.url())];
    let ran = cachectl_with(&variables, &["invalidate", "front page"]).await;
    ran.ends_with(2).says(&["front%20page"]);
    let ran = cachectl_with(&variables, &["invalidate", r"corp\shop"]).await;
    ran.ends_with(0).says(&["removed 0 entries", "escaped"]);
    let ran = cachectl_with(&variables, &["invalidate", "front%20page"]).await;
    ran.ends_with(0).says(&["removed 1 entry"]);
}
