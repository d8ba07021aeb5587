//! Answers that are stored as JSON text, with their `ETag` and compressed forms.

mod forms;
mod handlers;
mod over_redis;
mod stored;
mod value;

use std::io::Read as _;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use tower::ServiceExt as _;

/// An answer whose body need not be text.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The body without its coding.
    fn decoded(&self) -> String {
        let mut text = String::new();
        match self.header("content-encoding") {
            "" => text.push_str(std::str::from_utf8(&self.body).unwrap()),
            "gzip" => {
                let mut decoder = flate2::read::GzDecoder::new(&self.body[..]);
                decoder.read_to_string(&mut text).unwrap();
            }
            "zstd" => text = String::from_utf8(zstd::decode_all(&self.body[..]).unwrap()).unwrap(),
            other => panic!("an unknown coding: {other}"),
        }
        text
    }
}

async fn ask(app: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
    }
}

async fn get(app: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(app, Method::GET, path, headers).await
}
