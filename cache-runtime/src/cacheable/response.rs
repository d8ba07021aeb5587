//! Whole responses: which may be stored, which parts of them, and how their bodies are read up to a limit.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, DATE, PROXY_AUTHENTICATE, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};

use crate::cacheable::demand::{CanBeCached, CanKeepStatuses, Failing, NeverNone, Peel, Peeled};
use crate::cacheable::dispatch::{Probe, SpecialShape};
use crate::cacheable::http::is_error;
use crate::cacheable::status::{HasStatus, Keeping};
use crate::cacheable::{Cacheable, ErasedValue, Returned, Success};
use crate::entry::{TypeOps, type_ops};

/// A whole response.
#[derive(Clone, Copy, Debug, Default)]
pub struct WholeResponse;

impl SpecialShape for &&&&&Probe<Response> {
    type Kind = WholeResponse;
}

impl<R> Peel<R> for WholeResponse {
    type Value = R;
    type Leaf = Self;
}

impl NeverNone for WholeResponse {}

impl<R> Failing<R> for WholeResponse {
    type Error = R;
}

/// A stored response. Headers are pairs of bytes, because a value need not be UTF-8. A hit clones only the pointer to
/// the body.
#[derive(Clone, Serialize, Deserialize)]
struct StoredResponse {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

/// The body that [`WholeResponse::prepare`] has read, attached to its response until [`WholeResponse::release`]. It
/// must not outlive the call, because the caller may change the body of the response.
#[derive(Clone)]
struct Buffered(Bytes);

impl Returned<Response> for WholeResponse {
    type Inner = Response;

    fn success(self, returned: &Response) -> Success<'_, Response> {
        if is_error(returned.status()) {
            Success::Failure
        } else {
            Success::Value(returned)
        }
    }
}

#[diagnostic::do_not_recommend]
impl Cacheable<Response> for WholeResponse {
    const ANSWERS: bool = true;
    const PREPARES: bool = true;

    async fn prepare(self, mut returned: Response) -> Response {
        if is_error(returned.status()) {
            self.release(&mut returned);
            return returned;
        }
        self.ready(returned).await
    }

    fn keep(self, returned: &Response) -> Option<ErasedValue> {
        let Buffered(body) = returned.extensions().get()?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.as_bytes().to_vec())
        };
        Some(Arc::new(StoredResponse {
            status: returned.status().as_u16(),
            headers: of_the_answer(returned.headers()).map(header).collect(),
            body: body.clone(),
        }))
    }

    fn restore(self, kept: ErasedValue) -> Option<Response> {
        let kept = kept.downcast_ref::<StoredResponse>()?;
        let mut response = Response::new(Body::from(kept.body.clone()));
        *response.status_mut() = StatusCode::from_u16(kept.status).ok()?;
        for (name, value) in &kept.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            response
                .headers_mut()
                .append(name, HeaderValue::from_bytes(value).ok()?);
        }
        Some(response)
    }

    fn nothing(self) -> Option<Response> {
        None
    }

    fn keep_error(self, _: &Response) -> Option<ErasedValue> {
        None
    }

    fn restore_error(self, _: &ErasedValue) -> Option<Response> {
        None
    }

    fn ops(self) -> &'static TypeOps {
        type_ops::<StoredResponse>()
    }

    fn release(self, returned: &mut Response) {
        returned.extensions_mut().remove::<Buffered>();
    }

    /// `Age` is the total time in all caches (RFC 9111, section 4.2.3): the `Age` that the response had when it was
    /// stored, and the time it has spent here.
    fn aged(self, returned: &mut Response, age: Duration) {
        if let Some(before) = age_of(returned.headers()) {
            let all = before.saturating_add(age.as_secs());
            returned.headers_mut().insert(AGE, all.into());
        }
    }

    fn is_private(self, returned: &Response) -> bool {
        says(returned.headers(), "private")
    }
}

#[diagnostic::do_not_recommend]
impl HasStatus<Response> for WholeResponse {
    fn status(self, returned: &Response) -> Option<(u16, &Response)> {
        Some((returned.status().as_u16(), returned))
    }

    /// Reads the body of a response that may be stored. A body of unknown length may never end, so it is streamed
    /// unread.
    async fn ready(self, mut returned: Response) -> Response {
        self.release(&mut returned);
        let is_short = HttpBody::size_hint(returned.body())
            .exact()
            .is_some_and(|length| length <= LONGEST_BODY as u64);
        if !is_short || !may_be_stored(returned.headers()) {
            return returned;
        }
        let (mut returned, body) = buffer(returned, LONGEST_BODY).await;
        if let Some(body) = body {
            returned.extensions_mut().insert(Buffered(body));
        }
        returned
    }
}

#[diagnostic::do_not_recommend]
impl CanKeepStatuses<Response> for WholeResponse {
    type Kind = Keeping<Self>;

    fn demanded(self, statuses: &'static [u16]) -> Keeping<Self> {
        Keeping::new(self, statuses)
    }
}

#[diagnostic::do_not_recommend]
impl<K> CanBeCached<Response, WholeResponse> for K {
    type Kind = Self;

    fn demanded(peeled: Peeled<Self, Response, WholeResponse>) -> Self {
        peeled.kind()
    }
}

/// Whether the headers allow storing: a cookie belongs to one browser, and `no-store` forbids storing. A `private`
/// response may be stored if the key distinguishes clients, which is not known here.
fn may_be_stored(headers: &HeaderMap) -> bool {
    !headers.contains_key(SET_COOKIE) && !says(headers, "no-store")
}

/// Whether `Cache-Control` contains the directive, with or without an argument.
pub(crate) fn says(headers: &HeaderMap, directive: &str) -> bool {
    headers.get_all(CACHE_CONTROL).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|part| {
            let name = part.split(|byte| *byte == b'=').next();
            name.unwrap_or_default()
                .trim_ascii()
                .eq_ignore_ascii_case(directive.as_bytes())
        })
    })
}

/// The headers that belong to the answer itself, and not to its connection or time (RFC 9111, section 3.1; RFC 9110,
/// section 7.6.1).
fn of_the_answer(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    const OF_THE_EXCHANGE: [HeaderName; 9] = [
        CONNECTION,
        HeaderName::from_static("keep-alive"),
        PROXY_AUTHENTICATE,
        HeaderName::from_static("proxy-authentication-info"),
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        DATE,
    ];
    let named: Vec<&str> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .collect();
    headers.iter().filter(move |(name, _)| {
        let is_named = || {
            named
                .iter()
                .any(|other| other.eq_ignore_ascii_case(name.as_str()))
        };
        !OF_THE_EXCHANGE.contains(name) && !is_named()
    })
}

/// The seconds of a valid `Age`.
pub(crate) fn age_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(AGE)?.to_str().ok()?.trim().parse().ok()
}

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
    let mut body = BytesMut::with_capacity(length);
    for data in read
        .into_iter()
        .flatten()
        .filter_map(|frame| frame.into_data().ok())
    {
        body.extend_from_slice(&data);
    }
    let body = body.freeze();
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
    use crate::entry::CodecKind;

    /// A body that never yields data.
    struct Endless;

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            Poll::Pending
        }
    }

    async fn body_of(response: Response) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_response_comes_back_as_it_was() {
        let response = http::Response::builder()
            .status(201)
            .header("x-total", "7")
            .body(Body::from("seven"))
            .unwrap();
        let response = WholeResponse.prepare(response).await;
        let kept = WholeResponse.keep(&response).unwrap();
        assert_eq!(body_of(response).await, "seven");

        let stored = |codec| {
            let ops = WholeResponse.ops();
            let bytes = (ops.encode)(&*kept, codec).unwrap();
            (ops.decode)(&bytes, codec).unwrap()
        };
        let kept = [
            kept.clone(),
            stored(CodecKind::Bincode),
            stored(CodecKind::Json),
        ];
        for kept in kept {
            let restored = WholeResponse.restore(kept).unwrap();
            assert_eq!(
                (restored.status().as_u16(), &restored.headers()["x-total"]),
                (201, &HeaderValue::from_static("7"))
            );
            assert_eq!(body_of(restored).await, "seven");
        }
    }

    #[tokio::test]
    async fn a_hit_copies_no_body() {
        let response = WholeResponse.prepare(Response::new("seven".into())).await;
        let kept = WholeResponse.keep(&response).unwrap();
        let bodies = [kept.clone(), kept].map(|kept| WholeResponse.restore(kept).unwrap());
        let [one, other] = bodies.map(Response::into_body);
        let [one, other] = [one.collect().await, other.collect().await].map(Result::unwrap);
        assert_eq!(one.to_bytes().as_ptr(), other.to_bytes().as_ptr());
    }

    #[tokio::test]
    async fn a_long_body_passes_through_whole_and_is_not_kept() {
        let long = vec![b'x'; LONGEST_BODY + 1];
        let response = WholeResponse
            .prepare(Response::new(Body::from(long.clone())))
            .await;
        assert!(WholeResponse.keep(&response).is_none());
        assert_eq!(body_of(response).await, long);
    }

    #[tokio::test]
    async fn what_belongs_to_one_client_is_not_kept() {
        for (name, value) in [
            ("set-cookie", "a=1"),
            ("cache-control", "max-age=5, No-Store"),
        ] {
            let response = http::Response::builder()
                .header(name, value)
                .body(Body::from("mine"))
                .unwrap();
            let response = WholeResponse.prepare(response).await;
            assert!(WholeResponse.keep(&response).is_none(), "{name}: {value}");
            assert_eq!(body_of(response).await, "mine");
        }
    }

    #[tokio::test]
    async fn what_was_read_of_an_earlier_body_is_not_kept_as_this_one() {
        let read = async || WholeResponse.prepare(Response::new("earlier".into())).await;
        let mut with_cookie = read().await;
        let cookie = HeaderValue::from_static("a=1");
        with_cookie.headers_mut().insert(SET_COOKIE, cookie);
        let mut failed = read().await;
        *failed.status_mut() = StatusCode::BAD_GATEWAY;
        let longer = read()
            .await
            .map(|_| Body::from(vec![b'x'; LONGEST_BODY + 1]));
        let endless = read().await.map(|_| Body::new(Endless));
        for changed in [with_cookie, failed, longer, endless] {
            let changed = WholeResponse.prepare(changed).await;
            assert!(WholeResponse.keep(&changed).is_none(), "{changed:?}");
        }
        let mut released = read().await;
        WholeResponse.release(&mut released);
        assert!(WholeResponse.keep(&released).is_none());
    }

    #[tokio::test]
    async fn an_age_grows_and_none_is_made_up() {
        for (before, after) in [("3", Some("23")), ("x", Some("x")), ("", None)] {
            let mut response = Response::new(Body::empty());
            if !before.is_empty() {
                let before = HeaderValue::from_static(before);
                response.headers_mut().insert(AGE, before);
            }
            WholeResponse.aged(&mut response, Duration::from_millis(20_900));
            let age = response.headers().get(AGE);
            assert_eq!(age.map(|age| age.to_str().unwrap()), after);
        }
    }

    #[tokio::test]
    async fn what_calls_itself_private_says_so() {
        for (value, private) in [
            ("max-age=5, Private", true),
            ("private=\"x\"", true),
            ("public, max-age=5", false),
        ] {
            let response = http::Response::builder()
                .header("cache-control", value)
                .body(Body::empty())
                .unwrap();
            assert_eq!(WholeResponse.is_private(&response), private, "{value}");
        }
    }

    #[tokio::test]
    async fn a_stream_is_not_waited_for() {
        let response = Response::new(Body::new(Endless));
        let response = WholeResponse.prepare(response).await;
        assert!(WholeResponse.keep(&response).is_none());
    }

    #[tokio::test]
    async fn what_belongs_to_a_connection_or_a_moment_is_not_kept() {
        let response = http::Response::builder()
            .header("connection", "close, X-Hop")
            .header("x-hop", "1")
            .header("date", "Tue, 15 Nov 1994 08:12:31 GMT")
            .header("transfer-encoding", "chunked")
            .header("x-total", "7")
            .body(Body::from("seven"))
            .unwrap();
        let response = WholeResponse.prepare(response).await;
        let kept = WholeResponse.keep(&response).unwrap();
        let restored = WholeResponse.restore(kept).unwrap();
        let names: Vec<_> = restored.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-total"]);
    }
}
