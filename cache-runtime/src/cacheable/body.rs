//! Reading the body of a response up to a limit.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;

/// Reads the body up to the limit. A body that is longer, fails, or has trailers is passed on to the client unchanged,
/// including the part that was read; then the second part of the result is `None`. A body of one piece is not copied.
pub(crate) async fn buffer(response: Response, limit: usize) -> (Response, Option<Bytes>) {
    let (parts, mut rest) = response.into_parts();
    let announced = HttpBody::size_hint(&rest).exact();
    let is_all = |length: usize| announced.is_none_or(|announced| announced == length as u64);
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
        if read.is_empty() && rest.is_end_stream() && is_all(length) {
            // The usual case.
            return whole(parts, data);
        }
        read.push_back(frame);
    }
    if !is_all(length) {
        // It ended too early, and its receiver has to notice that.
        return (Response::from_parts(parts, resumed(read, rest)), None);
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

/// The body, if it is one piece that is there already, as the body of every hit is. The response keeps its body in any case,
/// with all frames that were read here.
pub(crate) fn at_hand(response: &mut Response) -> Option<Bytes> {
    let body = response.body_mut();
    let announced = HttpBody::size_hint(body).exact();
    let mut context = Context::from_waker(Waker::noop());
    // While it is pending nothing has been taken, and whoever polls next is woken.
    let Poll::Ready(Some(frame)) = Pin::new(&mut *body).poll_frame(&mut context) else {
        return None;
    };
    let data = frame.as_ref().ok().and_then(Frame::data_ref).cloned();
    let rest = std::mem::take(body);
    let is_all = |data: &Bytes| announced.is_none_or(|announced| announced == data.len() as u64);
    match data.filter(|data| rest.is_end_stream() && is_all(data)) {
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

    /// The length of the frames that were read, and the hint of the rest of the body.
    fn size_hint(&self) -> SizeHint {
        let rest = HttpBody::size_hint(&self.rest);
        let pieces = self.read.iter().flatten().filter_map(Frame::data_ref);
        let read: u64 = pieces.map(|piece| piece.len() as u64).sum();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

/// The longest body to store, 1 MiB. A longer one is a download, and would displace a thousand rows from memory.
pub(crate) const LONGEST_BODY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of these pieces. An empty one means that nothing is there yet.
    struct Pieces(VecDeque<&'static str>, Option<u64>);

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

        fn size_hint(&self) -> SizeHint {
            self.1.map_or_else(SizeHint::new, SizeHint::with_exact)
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
            let pieces = Pieces(pieces.iter().copied().collect(), None);
            let mut response = Response::new(Body::new(pieces));
            let found = at_hand(&mut response);
            assert_eq!(found.as_deref(), at_hand_now.map(str::as_bytes));
            let (_, read) = buffer(response, 100).await;
            assert_eq!(read.unwrap(), "one");
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_before_its_length_is_not_taken_for_whole() {
        for pieces in [&["on"][..], &["o", "n"], &["o", "", "n"]] {
            let pieces = Pieces(pieces.iter().copied().collect(), Some(3));
            let mut response = Response::new(Body::new(pieces));
            assert_eq!(at_hand(&mut response), None);
            let (response, read) = buffer(response, 100).await;
            assert_eq!(read, None);
            let body = response.into_body();
            assert_ne!(HttpBody::size_hint(&body).exact(), Some(2));
            let rest = body.collect().await.unwrap().to_bytes();
            assert_eq!(rest, "on");
        }
    }
}
