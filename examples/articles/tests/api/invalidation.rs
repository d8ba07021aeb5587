//! What a write removes, and what it leaves.

use axum::http::StatusCode;
use serde_json::json;

use crate::desk::{Desk, a_text, an_article, cached, test};

/// Loads one of everything there is, around the article at `path`; these are the keys.
async fn fill(desk: &Desk, path: &str) -> Vec<String> {
    let article = desk.get(path).await.body;
    let slug = article["slug"].as_str().expect("an article");
    let by_slug = format!("/articles/by-slug/{slug}");
    let around = [
        "/articles",
        "/articles?skip=40&limit=5",
        "/articles/18",
        "/tags",
        "/users/3",
    ];
    for path in around.into_iter().chain([by_slug.as_str()]) {
        assert_eq!(desk.get(path).await.status, StatusCode::OK, "{path}");
    }
    let its_own = [
        format!("articles:{}", article["id"]),
        format!("articles:slug:{slug}"),
    ];
    let keys: Vec<_> = EVERYBODYS
        .map(str::to_owned)
        .into_iter()
        .chain(its_own)
        .collect();
    assert_eq!(left_of(&keys).await, keys);
    keys
}

/// Removed by every write: the first three.
const EVERYBODYS: [&str; 5] = [
    "articles:list:0:20",
    "articles:list:40:5",
    "tags",
    "articles:18",
    "users:3",
];

async fn left_of(keys: &[String]) -> Vec<&str> {
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    cached(&keys).await
}

#[test]
fn a_new_article_is_on_the_lists_at_once() {
    test(async |desk| {
        let keys = fill(&desk, "/articles/17").await;
        let created = desk.post("/articles", an_article("On lamps")).await;
        assert_eq!(created.status, StatusCode::CREATED);
        assert_eq!(
            left_of(&keys).await,
            keys[3..],
            "lists and tags go, and nothing else"
        );

        let list = desk.get("/articles").await;
        assert_eq!(
            (list.x_cache(), &list.body["items"][0]["id"]),
            ("MISS", &created.body["id"])
        );
        let tags = desk.get("/tags").await.body;
        let lamps = tags
            .as_array()
            .and_then(|tags| tags.iter().find(|row| row["tag"] == "lamps"));
        assert_eq!(lamps.expect("its tag")["articles"], 1);

        let path = created.header("location");
        assert_eq!(desk.get(path).await.body, created.body);
    });
}

#[test]
fn a_change_is_seen_at_once() {
    test(async |desk| {
        let path = &new_article(&desk, "On lamps").await;
        let keys = fill(&desk, path).await;
        let changed = desk.put(path, a_text("On wicks")).await;
        assert_eq!(changed.status, StatusCode::OK);
        // What its name in links stands for has not changed.
        let kept = [&keys[3..5], &keys[6..]].concat();
        assert_eq!(
            left_of(&keys).await,
            kept,
            "lists, tags and that article go, and nothing else"
        );

        for path in [path, "/articles/by-slug/on-lamps"] {
            assert_eq!(desk.get(path).await.body["title"], "On wicks", "{path}");
        }
        let list = desk.get("/articles").await.body;
        assert_eq!(list["items"][0]["title"], "On wicks");
    });
}

#[test]
fn a_deleted_article_is_gone_at_once() {
    test(async |desk| {
        let path = &new_article(&desk, "On lamps").await;
        let keys = fill(&desk, path).await;
        assert_eq!(desk.delete(path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(
            left_of(&keys).await,
            keys[3..5],
            "all that showed it goes, and nothing else"
        );

        for path in [path, "/articles/by-slug/on-lamps"] {
            assert_eq!(desk.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        let newest = &desk.get("/articles").await.body["items"][0];
        assert_ne!(newest["slug"], "on-lamps");
    });
}

/// Without the removal, half a minute of `404` for an article that is there.
#[test]
fn a_name_that_was_not_there_is_found_once_it_is() {
    test(async |desk| {
        let path = "/articles/by-slug/on-lamps";
        for _ in 0..2 {
            assert_eq!(desk.get(path).await.status, StatusCode::NOT_FOUND);
        }
        new_article(&desk, "On lamps").await;
        assert_eq!(desk.get(path).await.status, StatusCode::OK);
    });
}

#[test]
fn a_write_that_fails_removes_nothing() {
    test(async |desk| {
        let path = &new_article(&desk, "On lamps").await;
        let keys = fill(&desk, path).await;

        let nobody = json!({ "author_id": 987_654, "title": "On ghosts", "body": "Boo." });
        for (article, status) in [
            (an_article("On: LAMPS"), StatusCode::CONFLICT),
            (nobody, StatusCode::BAD_REQUEST),
            (an_article("?!"), StatusCode::BAD_REQUEST),
            (json!({}), StatusCode::UNPROCESSABLE_ENTITY),
        ] {
            assert_eq!(desk.post("/articles", article).await.status, status);
        }
        let nowhere = "/articles/987654";
        assert_eq!(
            desk.put(nowhere, a_text("x")).await.status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(desk.delete(nowhere).await.status, StatusCode::NOT_FOUND);
        assert_eq!(left_of(&keys).await, keys);

        // The article is there, and the database will not have it changed.
        desk.behind_its_back(
            "CREATE TRIGGER no_update BEFORE UPDATE ON articles BEGIN SELECT RAISE(ABORT, 'no'); END; \
             CREATE TRIGGER no_delete BEFORE DELETE ON articles BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .await;
        let refused = [
            desk.put(path, a_text("On wicks")).await,
            desk.delete(path).await,
        ];
        for answer in refused {
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        }
        assert_eq!(left_of(&keys).await, keys);
        assert_eq!(desk.get(path).await.body["title"], "On lamps");
    });
}

/// Where it is.
async fn new_article(desk: &Desk, title: &str) -> String {
    let created = desk.post("/articles", an_article(title)).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    format!("/articles/{}", created.id())
}
