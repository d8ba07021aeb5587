//! The dashboard: a single page that loads nothing from other hosts. Its parts, one concern each, are put together here.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use crate::common::random;

/// The places in the page where its style, its script, and the nonce of each answer are inserted.
const STYLE: &str = "{{style}}";
const SCRIPT: &str = "{{script}}";
const NONCE: &str = "{{nonce}}";

/// The parts of the script, in their order. They share one scope.
const SCRIPTS: [&str; 7] = [
    include_str!("dashboard/state.js"),
    include_str!("dashboard/basics.js"),
    include_str!("dashboard/charts.js"),
    include_str!("dashboard/figures.js"),
    include_str!("dashboard/tables.js"),
    include_str!("dashboard/acts.js"),
    include_str!("dashboard/page.js"),
];

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let script = format!("'use strict';\n(() => {{\n{}}})();\n", SCRIPTS.join("\n"));
    include_str!("dashboard/page.html")
        .replace(STYLE, include_str!("dashboard/style.css"))
        .replace(SCRIPT, &script)
});

/// Serves the page. Its policy allows only its own script and style, and connections only to its own origin.
pub(super) fn dashboard() -> Response {
    let nonce = format!("{:032x}", u128::from_le_bytes(random::bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = PAGE.replace(NONCE, &nonce).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
