//! What is cached, under what, and for how long.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use crate::office::{Client, test};
use crate::world::{READS, SEARCH};

#[test]
fn every_read_is_a_miss_under_its_key_and_then_a_hit_without_sql() {
    test(async |client| {
        let user = client.signed_in(1).await;
        user.get("/api/users/1/permissions").await; // what every request looks at
        for (path, key) in READS {
            let first = user.get(path).await;
            let again = user.get(path).await;
            assert_eq!(first.status, StatusCode::OK, "{path}");
            assert_eq!(first.call().key, key, "{path}");
            assert_eq!(again.call().key, key, "{path}");
            let is_known = key == "user:1:permissions";
            assert_eq!(
                first.header("x-cache"),
                if is_known { "HIT" } else { "MISS" },
                "{path}"
            );
            assert_eq!(first.sql() == 0, is_known, "{path}");
            assert_eq!((again.header("x-cache"), again.sql()), ("HIT", 0), "{path}");
            assert_eq!(first.body, again.body, "{path}");
        }
    });
}

/// A table of lifetimes by name: `list`, `user_context`, `search`, `long`, the default, `report`, `dashboard`, `very_long`.
#[test]
fn every_kind_lives_as_long_as_its_name_says() {
    test(async |client| {
        let user = client.signed_in(1).await;
        for (path, seconds) in [
            ("/api/employees", 300),
            ("/api/users", 300),
            ("/api/users/1", 900),
            ("/api/users/1/roles", 900),
            ("/api/users/2/permissions", 900),
            ("/api/employees/search?q=sato", 600),
            ("/api/employees/R001", 3_600),
            ("/api/salaries/R001", 300),
            ("/api/payroll/gunma/2025-12", 1_800),
            ("/api/dashboard", 120),
            ("/api/factories", 86_400),
            ("/api/rates/2025", 86_400),
        ] {
            let call = user.get(path).await.call();
            assert_eq!((call.is_hit, call.ttl), (false, seconds), "{path}");
        }
    });
}

#[test]
fn pages_are_entries_of_their_own() {
    test(async |client| {
        let user = client.signed_in(1).await;
        let mut rows = BTreeSet::new();
        for page in 1..=3 {
            let path = format!("/api/employees?page={page}&per_page=10");
            let answer = user.get(&path).await;
            assert_eq!(answer.call().key, format!("employee:list:p{page}:pp10"));
            assert!(!answer.call().is_hit);
            let items = answer.body["items"].as_array().expect("a page").iter();
            rows.extend(items.map(|row| row["code"].to_string()));
        }
        assert_eq!(rows.len(), 30, "no row is on two pages");
        let same = user.get("/api/employees?per_page=10").await;
        assert_eq!(same.call().key, "employee:list:p1:pp10");
        assert!(same.call().is_hit);
    });
}

#[test]
fn a_page_that_cannot_be_is_refused_and_not_cached() {
    test(async |client| {
        let user = client.signed_in(1).await;
        for (query, field) in [
            ("page=0", "page"),
            ("page=1001", "page"),
            ("per_page=0", "per_page"),
            ("per_page=101", "per_page"),
            ("page=two", "page"),
        ] {
            let answer = user.get(&format!("/api/employees?{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            let message = answer.body["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(field), "{query}: {message}");
            assert_eq!(answer.call().key, "user:1:permissions", "{query}");
        }
    });
}

#[test]
fn a_search_is_known_by_what_it_means() {
    test(async |client| {
        let user = client.signed_in(1).await;
        let first = user.get("/api/employees/search?q=sato").await;
        assert_eq!(first.call().key, SEARCH);
        let same = user.get("/api/employees/search?limit=50&q=++SATO+").await;
        assert_eq!(
            (same.call().is_hit, same.call().key.as_str()),
            (true, SEARCH)
        );
        for other in ["q=sato&limit=49", "q=satō", "q=*", "q=sato:l50"] {
            let other = other.replace('ō', "%C5%8D");
            let answer = user.get(&format!("/api/employees/search?{other}")).await;
            assert!(!answer.call().is_hit, "{other}");
            assert_ne!(answer.call().key, SEARCH, "{other}");
        }
    });
}

/// Two users see the same pages, and each their own dashboard.
#[test]
fn a_dashboard_is_its_owners() {
    test(async |client| {
        let (one, ten) = (client.signed_in(1).await, client.signed_in(10).await);
        one.get("/api/employees").await;
        assert!(ten.get("/api/employees").await.call().is_hit);
        let of_one = one.get("/api/dashboard").await;
        let of_ten = ten.get("/api/dashboard").await;
        assert!(!of_ten.call().is_hit);
        assert_ne!(of_one.body["user"], of_ten.body["user"]);
    });
}

#[test]
fn what_is_not_there_is_not_cached() {
    test(async |client| {
        let user = client.signed_in(1).await;
        for path in [
            "/api/employees/R999999",
            "/api/users/9999",
            "/api/users/9999/roles",
            "/api/users/9999/permissions",
            "/api/salaries/R999999",
            "/api/payroll/gunma/1999-01",
            "/api/payroll/atlantis/2025-01",
            "/api/rates/1999",
        ] {
            for _ in 0..2 {
                let answer = user.get(path).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
                assert!(answer.sql() > 0, "{path}");
            }
        }
    });
}

#[test]
fn a_hundred_at_once_make_one_dashboard() {
    test(async |client| {
        let user = client.signed_in(1).await;
        user.get("/api/users/1/permissions").await;
        let ask = |user: Client| tokio::spawn(async move { user.get("/api/dashboard").await });
        let crowd: Vec<_> = (0..100).map(|_| ask(user.clone())).collect();
        let mut sql = 0;
        for asked in crowd {
            let answer = asked.await.expect("no panic");
            assert_eq!(answer.status, StatusCode::OK);
            sql += answer.sql();
        }
        assert_eq!(sql, 6, "the statements of one load");
    });
}
