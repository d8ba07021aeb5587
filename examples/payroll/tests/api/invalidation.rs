//! What a write removes, and that it removes nothing else.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::office::{ADMIN, Client, test};
use crate::world::{SEARCH, fill, gone};

const LISTS: [&str; 2] = ["employee:list:p1:pp20", "employee:list:p2:pp50"];
const DASHBOARDS: [&str; 2] = ["dashboard:summary:1", "dashboard:summary:10"];
const SALARIES: [&str; 3] = ["salary:R100:12", "salary:R100:3", "salary:R1000:12"];
const OF_GUNMA: [&str; 2] = ["payroll:gunma:2025-11", "payroll:gunma:2025-12"];
const RESUMES: [&str; 2] = ["employee:rirekisho:R100", "employee:rirekisho:R1000"];
const PERMISSIONS: [&str; 2] = ["user:1:permissions", "user:10:permissions"];
const ROLES: [&str; 2] = ["user:1:roles", "user:10:roles"];
const OF_USER_1: [&str; 5] = [
    "user:1",
    "user:1:roles",
    "user:1:permissions",
    "user:1:draft:hire",
    "dashboard:summary:1",
];

/// Fills the cache, writes as user 1, and says what is gone.
async fn after(client: &Client, method: Method, path: &str, body: Value) -> BTreeSet<&'static str> {
    fill(client).await;
    let answer = client
        .signed_in(1)
        .await
        .send(method, path, Some(body))
        .await;
    assert!(answer.status.is_success(), "{path}: {answer:?}");
    gone().await
}

fn all<const N: usize>(groups: [&[&'static str]; N]) -> BTreeSet<&'static str> {
    groups.concat().into_iter().collect()
}

fn somebody() -> Value {
    json!({
        "name": "Hana Mori", "position": "Welder", "factory": "gunma", "base_pay": 250_000,
        "history": "Shipyards."
    })
}

#[test]
fn hiring_removes_lists_searches_and_dashboards() {
    test(async |client| {
        let gone = after(&client, Method::POST, "/api/employees", somebody()).await;
        assert_eq!(gone, all([&LISTS, &[SEARCH], &DASHBOARDS]));
    });
}

/// `R100` works in Gunma; `R1000` begins alike and stays.
#[test]
fn new_terms_remove_one_employee_and_where_they_are_shown() {
    test(async |client| {
        let terms = json!({ "position": "Inspector", "base_pay": 261_000 });
        let gone = after(&client, Method::PUT, "/api/employees/r100", terms).await;
        let expected = [
            &["employee:rirekisho:R100"],
            &LISTS[..],
            &[SEARCH],
            &OF_GUNMA,
            &DASHBOARDS,
        ];
        assert_eq!(gone, all(expected));
        let user = client.signed_in(1).await;
        let seen = user.get("/api/employees/R100").await;
        assert_eq!(seen.body["position"], "Inspector");
    });
}

#[test]
fn a_correction_removes_one_employees_salaries_and_one_month() {
    test(async |client| {
        let path = "/api/salaries/R100/2025-12";
        let correction = json!({ "overtime": 12_345, "deductions": 40_000 });
        let gone = after(&client, Method::PUT, path, correction).await;
        let expected = [&SALARIES[..2], &["payroll:gunma:2025-12"], &DASHBOARDS];
        assert_eq!(gone, all(expected));
        let user = client.signed_in(1).await;
        let seen = user.get("/api/salaries/R100").await;
        assert_eq!(seen.body[0]["overtime"], 12_345);
    });
}

#[test]
fn a_run_removes_a_factorys_payrolls_all_salaries_and_all_dashboards() {
    test(async |client| {
        let path = "/api/payroll/gunma/2025-12/run";
        let gone = after(&client, Method::POST, path, json!({})).await;
        assert_eq!(gone, all([&OF_GUNMA, &SALARIES, &DASHBOARDS]));
    });
}

#[test]
fn a_change_of_a_role_removes_everybodys_roles_and_permissions() {
    test(async |client| {
        let grants = json!({ "permissions": ["employees.read"] });
        let gone = after(&client, Method::PUT, "/api/roles/reception", grants).await;
        assert_eq!(gone, all([&ROLES, &PERMISSIONS]));
    });
}

#[test]
fn a_new_name_removes_every_list_and_whatever_shows_it() {
    test(async |client| {
        let name = json!({ "name": "Gunma Coatings" });
        let gone = after(&client, Method::PUT, "/api/factories/gunma", name).await;
        let expected = [
            &LISTS[..],
            &["user:list:p1:pp20", "user:1", "user:10", SEARCH],
            &RESUMES,
            &OF_GUNMA,
            &DASHBOARDS,
            &["payroll::factories::list"],
        ];
        assert_eq!(gone, all(expected));
    });
}

#[test]
fn a_password_reset_removes_all_of_that_user_and_nothing_of_another() {
    test(async |client| {
        let path = "/api/users/1/password-reset";
        let gone = after(&client, Method::POST, path, json!({})).await;
        assert_eq!(gone, all([&OF_USER_1]));
    });
}

#[test]
fn a_write_that_fails_removes_nothing() {
    test(async |client| {
        fill(&client).await;
        let (office, reception) = (client.signed_in(1).await, client.signed_in(3).await);
        let nowhere = json!({
            "name": "Hana Mori", "position": "Welder", "factory": "atlantis", "base_pay": 1, "history": "Ships."
        });
        let terms = json!({ "position": "Welder", "base_pay": 1 });
        let correction = json!({ "overtime": 1, "deductions": 1 });
        let nothing = || json!({ "permissions": [] });
        for (user, request, body, status) in [
            // Refused before the body runs.
            (&client, "POST /api/employees", somebody(), 401),
            (&reception, "POST /api/employees", somebody(), 403),
            (&office, "POST /api/employees", json!({}), 422),
            (
                &reception,
                "POST /api/users/1/password-reset",
                json!({}),
                403,
            ),
            (&reception, "PUT /api/roles/reception", nothing(), 403),
            // Refused by the body.
            (&office, "POST /api/employees", nowhere, 400),
            (&office, "PUT /api/employees/R999999", terms, 404),
            (&office, "PUT /api/salaries/R100/1999-01", correction, 404),
            (
                &office,
                "POST /api/payroll/atlantis/2025-12/run",
                json!({}),
                404,
            ),
            (
                &office,
                "POST /api/users/9999/password-reset",
                json!({}),
                404,
            ),
            (&office, "PUT /api/roles/wizard", nothing(), 404),
            (
                &office,
                "PUT /api/factories/atlantis",
                json!({ "name": "x" }),
                404,
            ),
        ] {
            let (method, path) = request.split_once(' ').expect("a method and a path");
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = user.send(method, path, Some(body)).await;
            assert_eq!(answer.status.as_u16(), status, "{request}: {answer:?}");
            assert_eq!(gone().await, BTreeSet::new(), "{request}");
        }
    });
}

/// The same patterns, as an operator types them: each removes what it names, and says how many that were.
#[test]
fn every_pattern_removes_what_it_names() {
    test(async |client| {
        let operator = client.with_token(ADMIN);
        let of_users = all([
            &OF_USER_1[..4],
            &["user:10", "user:10:roles", "user:10:permissions"],
            &["user:10:draft:hire", "user:list:p1:pp20"],
        ]);
        for (pattern, expected) in [
            ("payroll:gunma:*", all([&OF_GUNMA])),
            ("salary:*", all([&SALARIES])),
            ("salary:R100", all([&SALARIES[..2]])),
            ("dashboard:*", all([&DASHBOARDS])),
            ("*:roles", all([&ROLES])),
            ("*:list:*", all([&LISTS, &["user:list:p1:pp20"]])),
            ("user:*", of_users),
            ("user:1", all([&OF_USER_1[..4]])),
            ("user:1:*", all([&OF_USER_1[1..4]])),
            ("employee:rirekisho:R100", all([&RESUMES[..1]])),
            ("employee:search:*:l50", all([&[SEARCH]])),
            ("nobody:*", all([])),
        ] {
            fill(&client).await;
            let path = format!("/api/cache/invalidate?pattern={pattern}");
            let answer = operator.post(&path, Value::Null).await;
            assert_eq!(answer.status, StatusCode::OK, "{pattern}: {answer:?}");
            assert_eq!(gone().await, expected, "{pattern}");
            assert_eq!(
                answer.body["data"]["deleted_count"],
                expected.len(),
                "{pattern}"
            );
        }
    });
}
