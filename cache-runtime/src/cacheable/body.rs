//! Reading the body of a response up to a limit.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt as _;

/// Reads the body up to the limit. A body that is longer, fails, or has trailers is passed on to the client unchanged,
/// including the part that was read; then the second part of the result is `None`.
pub(crate) async fn buffer(response: Response, limit: usize) -> (Response, Option<Bytes>) {
    let (parts, mut rest) = response.into_parts();
    let resumed = |read, rest| Body::new(Resumed { read, rest });
    let mut read = VecDeque::new();
    let mut length = 0;
    loop {
        match rest.frame().await {
            None => break,
            Some(Ok(frame)) if frame.is_data() => {
                length += frame.data_ref().map_or(0, Bytes::len);
                read.push_back(Ok(frame));
                if length > limit {
                    return (Response::from_parts(parts, resumed(read, rest)), None);
                }
            }
            Some(unusual) => {
                read.push_back(unusual);
                return (Response::from_parts(parts, resumed(read, rest)), None);
            }
        }
    }
    let mut frames = read
        .into_iter()
        .flatten()
        .filter_map(|frame| frame.into_data().ok());
    // Most bodies are one piece, which is not copied.
    let body = match (frames.next(), frames.next()) {
        (first, None) => first.unwrap_or_default(),
        (first, second) => {
            let mut body = BytesMut::with_capacity(length);
            for data in first.into_iter().chain(second).chain(frames) {
                body.extend_from_slice(&data);
            }
            body.freeze()
        }
    };
    let response = Response::from_parts(parts, Body::from(body.clone()));
    (response, Some(body))
}

/// A body of which a part has been read.
struct Resumed {
    read: VecDeque<Result<Frame<Bytes>, axum::Error>>,
    rest: Body,
}

impl HttpBody for Resumed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        match this.read.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }
}

/// The longest body to store, 1 MiB. A longer one is a download, and would displace a thousand rows from memory.
pub(crate) const LONGEST_BODY: usize = 1 << 20;
