//! Reading the body of a response up to a limit.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http_body::Frame;
use http_body_util::BodyExt as _;

/// Reads the body up to the limit. A body that is longer, fails, or has trailers is passed on to the client unchanged,
/// including the part that was read; then the second part of the result is `None`. A body of one piece is not copied.
pub(crate) async fn buffer(response: Response, limit: usize) -> (Response, Option<Bytes>) {
    let (parts, mut rest) = response.into_parts();
    let resumed = |read, rest| Body::new(Resumed { read, rest });
    let mut read = VecDeque::new();
    let mut length = 0;
    while let Some(frame) = rest.frame().await {
        let data = frame.as_ref().ok().and_then(Frame::data_ref).cloned();
        length += data.as_ref().map_or(0, Bytes::len);
        let Some(data) = data.filter(|_| length <= limit) else {
            read.push_back(frame);
            return (Response::from_parts(parts, resumed(read, rest)), None);
        };
        if read.is_empty() && rest.is_end_stream() {
            // The usual case.
            return whole(parts, data);
        }
        read.push_back(frame);
    }
    let pieces = || read.iter().flatten().filter_map(Frame::data_ref);
    if let (Some(only), None) = (pieces().next(), pieces().nth(1)) {
        return whole(parts, only.clone());
    }
    let mut body = BytesMut::with_capacity(length);
    for piece in pieces() {
        body.extend_from_slice(piece);
    }
    whole(parts, body.freeze())
}

/// The body, if it is one piece that is there already, as the body of every hit is. It then stays in the response. What is
/// read of any other body stays in the response, too.
pub(crate) fn at_hand(response: &mut Response) -> Option<Bytes> {
    let body = response.body_mut();
    let mut context = Context::from_waker(Waker::noop());
    // While it is pending nothing has been taken, and whoever polls next is woken.
    let Poll::Ready(Some(frame)) = Pin::new(&mut *body).poll_frame(&mut context) else {
        return None;
    };
    let data = frame.as_ref().ok().and_then(Frame::data_ref).cloned();
    let rest = std::mem::take(body);
    match data.filter(|_| rest.is_end_stream()) {
        Some(data) => {
            *body = Body::from(data.clone());
            Some(data)
        }
        None => {
            let read = VecDeque::from([frame]);
            *body = Body::new(Resumed { read, rest });
            None
        }
    }
}

fn whole(parts: Parts, body: Bytes) -> (Response, Option<Bytes>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of these pieces. An empty one means that nothing is there yet.
    struct Pieces(VecDeque<&'static str>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            match self.get_mut().0.pop_front() {
                Some("") => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                piece => Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into())))),
            }
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }
    }

    #[tokio::test]
    async fn only_a_body_of_one_piece_is_at_hand_and_no_body_loses_anything() {
        for (pieces, at_hand_now) in [
            (&["one"][..], Some("one")),
            (&["o", "ne"], None),
            (&["", "one"], None),
            (&["o", "", "ne"], None),
        ] {
            let pieces = Pieces(pieces.iter().copied().collect());
            let mut response = Response::new(Body::new(pieces));
            let found = at_hand(&mut response);
            assert_eq!(found.as_deref(), at_hand_now.map(str::as_bytes));
            let (_, read) = buffer(response, 100).await;
            assert_eq!(read.unwrap(), "one");
        }
    }
}
