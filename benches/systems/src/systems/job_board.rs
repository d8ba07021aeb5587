//! The job board: two of the descriptions, one of its feed and one of its whole backend.

use super::{Kind, Row, System, Theirs};
use crate::ask::Ask;
use crate::database::JOB_BOARD;
use crate::variants::CATEGORIES;

pub(super) fn system() -> System {
    System {
        id: "job-board",
        title: "Job board",
        text: format!(
            "[`examples/job-board`](../../examples/job-board/README.md) over {},000 jobs, {},000 users and {},000 posts. Each list \
             counts what it is a page of, and the list of users counts followers.",
            5 * JOB_BOARD,
            JOB_BOARD,
            3 * JOB_BOARD
        ),
        users: 1,
        rows: vec![
            Row::new("`GET /api/posts`", "100–300 → < 10 ms (> 10)", 20, posts),
            Row::new("`GET /api/feed`", "–", 1, |_| Ask::get("/api/feed")),
            Row::new("`GET /api/jobs`", "< 100 → < 1 ms", 20, jobs),
            Row::new("`GET /api/jobs?search=…`", "< 100 → < 1 ms", 10, search),
            Row::new("`GET /api/jobs/stats/overview`", "–", 1, |_| {
                Ask::get("/api/jobs/stats/overview")
            }),
            Row::new("`GET /api/users/list`", "< 100 → < 1 ms", 10, users),
            Row {
                uncached: true,
                ..Row::new("`GET /health/cache`", "< 30 ms", 20, |_| {
                    Ask::get("/health/cache")
                })
            },
        ],
        far: None,
        fresh: |number| posts(40 + number),
        kinds: vec![
            Kind::new("jobs (`early`)", 40, 300, |rank| {
                let category = CATEGORIES[rank as usize % CATEGORIES.len()];
                let skip = rank / 7 * 20;
                Ask::get(format!("/api/jobs?category={category}&skip={skip}"))
            }),
            Kind::new("posts (`stale`)", 25, 50, posts),
            Kind::new("feed (`stale`)", 20, 1, |_| Ask::get("/api/feed")),
            Kind::new("users", 10, 30, users),
            Kind::new("overview", 5, 1, |_| Ask::get("/api/jobs/stats/overview")),
        ],
        reads_for_a_write: 1_000,
        write: |number| {
            match number % 2 {
            0 => Ask::write(
                "POST",
                "/api/posts",
                r#"{"title":"On lamps","body":"They burn."}"#,
            )
            .of(1),
            _ => Ask::write(
                "POST",
                "/api/jobs",
                r#"{"company":"Skagen Fyr","title":"Lighthouse keeper","description":"Keep the lamp burning.",
                    "location":"Skagen","category":"operations","type":"contract","salary_min":40000,"salary_max":50000}"#,
            )
            .of(1),
        }
        },
        rates: [15, 300],
        lifetimes: &[
            "CACHE_TTL_JOBS",
            "CACHE_TTL_JOBS_STATS",
            "CACHE_TTL_USERS_LIST",
            "CACHE_TTL_POSTS_LIST",
            "CACHE_TTL_FEED",
        ],
        theirs: Theirs {
            together: "–",
            one_page: "100 → 1–5",
            mix: "–",
            hit_rate: "≥ 80 %",
        },
    }
}

fn posts(number: u32) -> Ask {
    Ask::get(format!("/api/posts?skip={}&limit=20", 20 * number))
}

fn jobs(number: u32) -> Ask {
    Ask::get(format!("/api/jobs?skip={}&limit=20", 20 * number))
}

fn search(number: u32) -> Ask {
    Ask::get(format!("/api/jobs?search=rust&skip={}", 20 * number))
}

fn users(number: u32) -> Ask {
    Ask::get(format!("/api/users/list?skip={}", 20 * number))
}
