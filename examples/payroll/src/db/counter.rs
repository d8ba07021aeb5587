//! How many SQL statements a request ran.

use std::cell::Cell;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// The response header that carries the count: `0` beside `X-Cache: HIT`.
pub const X_SQL: HeaderName = HeaderName::from_static("x-sql");

tokio::task_local! {
    static STATEMENTS: Cell<u32>;
}

/// Counts one statement for the request that runs on this task.
///
/// Outside a request (start-up, a refresh in the background) nobody is told, so nothing is counted.
pub(super) fn add_one() {
    let _ = STATEMENTS.try_with(|count| count.set(count.get() + 1));
}

/// Middleware: adds [`X_SQL`] to every response.
pub async fn count_statements(request: Request, next: Next) -> Response {
    let counted = async {
        let response = next.run(request).await;
        (response, STATEMENTS.with(Cell::get))
    };
    let (mut response, count) = STATEMENTS.scope(Cell::new(0), counted).await;
    response
        .headers_mut()
        .insert(X_SQL, HeaderValue::from(count));
    response
}
