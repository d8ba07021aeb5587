//! The payroll office.

use bench_parts::figures::whole;

use super::{Kind, Row, System, Theirs};
use crate::ask::Ask;
use crate::database::PAYROLL;

/// Who asks for dashboards of their own.
const USERS: u32 = 10;

pub(super) fn system() -> System {
    System {
        id: "payroll",
        title: "Payroll office",
        text: format!(
            "[`examples/payroll`](../../examples/payroll/README.md) over {} employees and {} salaries. A dashboard sums \
             up all of them, for each user anew. Each request also checks the permissions of whoever asks: two statements, which are cached, too, but \
             never in memory alone while there is a Redis (`near = false`).",
            whole(f64::from(1_500 * PAYROLL)),
            whole(f64::from(36_000 * PAYROLL))
        ),
        users: USERS + 2,
        rows: vec![
            Row::new("`GET /api/dashboard`", "1000 → 50 ms (20)", 10, dashboard),
            Row::new("`GET /api/employees`", "300 → 10 ms (30)", 20, page),
            Row::new(
                "`GET /api/employees/search`",
                "300 → 10 ms (30)",
                20,
                search,
            ),
            Row::new("`GET /api/employees/{code}`", "–", 20, code),
            Row::new("`GET /api/salaries/{code}`", "–", 20, salaries),
        ],
        far: None,
        fresh: |number| page(40 + number),
        kinds: vec![
            Kind::new("dashboards (`stale`)", 25, USERS, dashboard),
            Kind::new("pages", 25, 50, page),
            Kind::new("searches", 15, 100, search),
            Kind::new("employees", 20, 500, code),
            Kind::new("salaries", 15, 300, salaries),
        ],
        reads_for_a_write: 1_000,
        write: |number| {
            let path = format!("/api/salaries/R{:03}/2025-12", 1 + number % 300);
            Ask::write("PUT", path, r#"{"overtime":20000,"deductions":45600}"#).of(1)
        },
        rates: [8, 100],
        lifetimes: &[
            "CACHE_TTL_DASHBOARD",
            "CACHE_TTL_LIST",
            "CACHE_TTL_SEARCH",
            "CACHE_TTL_LONG",
            "CACHE_TTL_USER_CONTEXT",
            "CACHE_DEFAULT_TTL",
        ],
        theirs: Theirs {
            together: "–",
            one_page: "–",
            mix: "96 % fewer",
            hit_rate: "85–90 %, dashboard 95 %",
        },
    }
}

fn dashboard(number: u32) -> Ask {
    Ask::get("/api/dashboard").of(1 + number)
}

fn page(number: u32) -> Ask {
    Ask::get(format!("/api/employees?page={}&per_page=20", 1 + number)).of(1)
}

/// Two letters of a name, each time others.
fn search(number: u32) -> Ask {
    let letter =
        |letters: &'static [u8], number: u32| char::from(letters[number as usize % letters.len()]);
    let first = letter(b"tkshnmryoa", number);
    let second = letter(b"aiueonkrst", number / 10);
    Ask::get(format!("/api/employees/search?q={first}{second}")).of(1)
}

fn code(number: u32) -> Ask {
    Ask::get(format!("/api/employees/R{:03}", 1 + number)).of(1)
}

fn salaries(number: u32) -> Ask {
    Ask::get(format!("/api/salaries/R{:03}", 1 + number)).of(1)
}
