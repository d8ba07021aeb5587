//! The articles service.

use std::time::Duration;

use super::{Kind, Row, System, Theirs};
use crate::ask::Ask;
use crate::database::ARTICLES;

/// A description of a service whose one-row query takes 55 ms is not of a database in the same process.
const ROUND_TRIP: Duration = Duration::from_millis(5);

pub(super) fn system() -> System {
    System {
        id: "articles",
        title: "Articles",
        text: format!(
            "[`examples/articles`](../../examples/articles/README.md) over {},000 articles of about 3 KB by 500 people. SQLite \
             finds one row by its id in the service's own process, so a cache in front of that saves little; the second table \
             has the same rows for a database that is one round trip of {} ms away. This round trip is artificial: whoever takes a \
             connection of the pool waits for it, once for each statement or transaction.",
            5 * ARTICLES,
            ROUND_TRIP.as_millis()
        ),
        users: 0,
        rows: vec![
            Row::new("`GET /articles`", "180 → 12 ms (15)", 20, list),
            Row::new("`GET /articles/{id}`", "55 → 8 ms (7)", 50, detail),
            Row::new("`GET /users/{id}`", "–", 50, user),
            Row::new("`GET /tags`", "–", 1, |_| Ask::get("/tags")),
        ],
        far: Some((ROUND_TRIP, &[0, 1, 2])),
        fresh: |number| list(40 + number),
        kinds: vec![
            Kind::new("lists", 40, 50, list),
            Kind::new("articles", 45, 500, detail),
            Kind::new("users", 10, 100, user),
            Kind::new("tags", 5, 1, |_| Ask::get("/tags")),
        ],
        reads_for_a_write: 1_000,
        write: |number| {
            let body = r#"{"title":"On lamps","body":"They burn.","tags":["lamps"]}"#;
            Ask::write("PUT", format!("/articles/{}", 1 + number % 500), body)
        },
        rates: [40, 400],
        lifetimes: &[
            "CACHE_TTL_ARTICLES_LIST",
            "CACHE_TTL_ARTICLES_DETAIL",
            "CACHE_TTL_USERS",
            "CACHE_TTL_TAGS",
        ],
        theirs: Theirs {
            together: "1.8 → 0.12 s (15)",
            one_page: "–",
            mix: "–",
            hit_rate: "87–89 %",
        },
    }
}

fn list(number: u32) -> Ask {
    Ask::get(format!("/articles?skip={}&limit=20", 20 * number))
}

fn detail(number: u32) -> Ask {
    Ask::get(format!("/articles/{}", 1 + number))
}

fn user(number: u32) -> Ask {
    Ask::get(format!("/users/{}", 1 + number))
}
