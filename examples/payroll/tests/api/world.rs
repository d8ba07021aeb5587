//! One entry of every kind, with a neighbour whose name begins alike, and what of it is still there.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use cache_runtime::{CacheKey, cache};
use serde_json::json;

use crate::office::Client;

/// What is asked as user 1, and under which key the answer is kept.
pub(crate) const READS: [(&str, &str); 21] = [
    ("/api/users/1", "user:1"),
    ("/api/users/1/roles", "user:1:roles"),
    ("/api/users/1/permissions", "user:1:permissions"),
    ("/api/users/10", "user:10"),
    ("/api/users/10/roles", "user:10:roles"),
    ("/api/users/10/permissions", "user:10:permissions"),
    ("/api/users", "user:list:p1:pp20"),
    ("/api/employees", "employee:list:p1:pp20"),
    ("/api/employees?page=2&per_page=50", "employee:list:p2:pp50"),
    ("/api/employees/search?q=Sato", SEARCH),
    ("/api/employees/R100", "employee:rirekisho:R100"),
    ("/api/employees/R1000", "employee:rirekisho:R1000"),
    ("/api/salaries/R100", "salary:R100:12"),
    ("/api/salaries/R100?months=3", "salary:R100:3"),
    ("/api/salaries/R1000", "salary:R1000:12"),
    ("/api/payroll/gunma/2025-12", "payroll:gunma:2025-12"),
    ("/api/payroll/gunma/2025-11", "payroll:gunma:2025-11"),
    ("/api/payroll/osaka/2025-12", "payroll:osaka:2025-12"),
    ("/api/dashboard", "dashboard:summary:1"),
    ("/api/factories", "payroll::factories::list"),
    ("/api/rates/2025", "payroll::rates::of_year:2025"),
];

/// `sato`, hashed.
pub(crate) const SEARCH: &str = "employee:search:9c6cc569e98491de1d4eb5732402e26c:l50";

/// Besides: the other user's dashboard, and what both have begun to write.
const BESIDES: [&str; 3] = [
    "dashboard:summary:10",
    "user:1:draft:hire",
    "user:10:draft:hire",
];

/// Fills the cache with all of it, and nothing else.
pub(crate) async fn fill(client: &Client) {
    let (one, ten) = (client.signed_in(1).await, client.signed_in(10).await);
    for (path, key) in READS {
        let answer = one.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        assert_eq!(answer.call().key, key, "{path}");
    }
    ten.get("/api/dashboard").await;
    for user in [&one, &ten] {
        let draft = json!({ "fields": { "name": "Hana" } });
        user.put("/api/drafts/hire", draft).await;
    }
    assert_eq!(gone().await, BTreeSet::new());
    let stats = cache().health().await.stats;
    assert_eq!(stats.memory_cache_size, READS.len() + BESIDES.len());
}

/// The keys of all that is no longer there. It looks and does not ask, so that nothing is loaded.
pub(crate) async fn gone() -> BTreeSet<&'static str> {
    let mut gone = BTreeSet::new();
    for key in READS.map(|(_, key)| key).into_iter().chain(BESIDES) {
        if !cache().exists(CacheKey::new(key)).await {
            gone.insert(key);
        }
    }
    gone
}
