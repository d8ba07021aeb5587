//! The office behind shared caches that keep what they are not told to leave alone.

use crate::office::test;

const PATHS: [&str; 7] = [
    "/api/dashboard",
    "/api/salaries/R001",
    "/api/payroll/gunma/2025-12",
    "/api/employees",
    "/api/users/1/permissions",
    "/api/drafts/hire",
    "/api/rates/2025",
];

#[test]
fn a_shared_cache_gives_nobody_what_another_may_see() {
    test(async |stranger| {
        // The second may not see salaries, and the last has not signed in.
        let office = stranger.signed_in(1).await;
        let reception = stranger.signed_in(3).await;
        for edge in stranger.edges().await {
            for client in [&stranger, &office, &reception, &stranger, &office] {
                for path in PATHS {
                    let cookie = [("cookie", client.cookie())];
                    let answer = edge.get(path, &cookie).await;
                    let seen = format!("{:?} {path} {answer:?}", edge.kind());
                    assert!(!answer.is_kept(), "{seen}");
                    let own = client.get(path).await;
                    assert_eq!(answer.status, own.status.as_u16(), "{seen}");
                    let body: serde_json::Value =
                        serde_json::from_str(&answer.body).unwrap_or_default();
                    assert_eq!(body, own.body, "{seen}");
                }
            }
        }
    });
}
