//! Whole responses: which may be stored, and which parts of them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, CONTENT_RANGE, DATE, PROXY_AUTHENTICATE, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::cacheable::body::{LONGEST_BODY, buffer};
use crate::cacheable::demand::{
    CanBeCached, CanKeepStatuses, Failing, Innermost, NeverNone, WithInnermost,
};
use crate::cacheable::dispatch::{Probe, SpecialShape};
use crate::cacheable::http::is_error;
use crate::cacheable::prepared::{Known, KnownBody, Tag, tag_of, weak_etag};
use crate::cacheable::status::{HasStatus, Keeping};
use crate::cacheable::{Cacheable, ErasedValue, Preparing, Returned, Success};
use crate::entry::{TypeOps, type_ops};

/// A whole response.
#[derive(Clone, Copy, Debug, Default)]
pub struct WholeResponse;

impl SpecialShape for &&&&&Probe<Response> {
    type Kind = WholeResponse;
}

impl<R> Innermost<R> for WholeResponse {
    type Value = R;
    type Leaf = Self;
}

#[diagnostic::do_not_recommend]
impl NeverNone for WholeResponse {}

impl<R> Failing<R> for WholeResponse {
    type Error = R;
}

/// A stored response. A hit clones only the pointer to the body.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Encoded", into = "Encoded")]
struct StoredResponse {
    status: u16,
    /// `None`: they were not valid.
    headers: Option<HeaderMap>,
    body: Bytes,
    tag: Tag,
    /// The weak `ETag` of the body.
    etag: HeaderValue,
}

/// The same as it is encoded. Headers are pairs of bytes, because a value need not be UTF-8.
#[derive(Serialize, Deserialize)]
struct Encoded {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    tag: Tag,
}

impl From<StoredResponse> for Encoded {
    fn from(stored: StoredResponse) -> Self {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.as_bytes().to_vec())
        };
        Self {
            status: stored.status,
            headers: stored.headers.iter().flatten().map(header).collect(),
            body: stored.body,
            tag: stored.tag,
        }
    }
}

impl From<Encoded> for StoredResponse {
    fn from(encoded: Encoded) -> Self {
        let mut headers = Some(HeaderMap::with_capacity(encoded.headers.len()));
        for (name, value) in encoded.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok();
            let value = HeaderValue::try_from(value).ok();
            headers = headers
                .zip(name.zip(value))
                .map(|(mut headers, (name, value))| {
                    headers.append(name, value);
                    headers
                });
        }
        Self {
            status: encoded.status,
            headers,
            body: encoded.body,
            tag: encoded.tag,
            etag: weak_etag(&encoded.tag, None),
        }
    }
}

impl KnownBody for StoredResponse {
    fn body(&self) -> &Bytes {
        &self.body
    }

    fn etag(&self) -> &HeaderValue {
        &self.etag
    }
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

    async fn prepare(self, mut returned: Response, how: Preparing) -> Response {
        if is_error(returned.status()) {
            self.release(&mut returned);
            return returned;
        }
        self.ready(returned, how).await
    }

    fn keep(self, returned: &Response) -> Option<ErasedValue> {
        let Buffered(body) = returned.extensions().get()?;
        // A copy: the handler's bytes may be a small part of a large buffer, which would stay in memory with them.
        let body = Bytes::copy_from_slice(body);
        let mut headers = HeaderMap::with_capacity(returned.headers().len());
        for (name, value) in of_the_answer(returned.headers()) {
            headers.append(name.clone(), value.clone());
        }
        let tag = tag_of(&body);
        Some(Arc::new(StoredResponse {
            status: returned.status().as_u16(),
            headers: Some(headers),
            body,
            tag,
            etag: weak_etag(&tag, None),
        }))
    }

    fn restore(self, kept: ErasedValue) -> Option<Response> {
        let kept: Arc<StoredResponse> = kept.downcast().ok()?;
        let mut response = Response::new(Body::from(kept.body.clone()));
        *response.status_mut() = StatusCode::from_u16(kept.status).ok()?;
        let stored = kept.headers.as_ref()?;
        // With room for those that the layer and the server add, so that the map does not have to grow several times.
        let mut headers = HeaderMap::with_capacity(stored.len() + ADDED);
        for (name, value) in stored {
            headers.append(name.clone(), value.clone());
        }
        *response.headers_mut() = headers;
        response.extensions_mut().insert(Known(kept));
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
    async fn ready(self, mut returned: Response, _: Preparing) -> Response {
        self.release(&mut returned);
        let is_short = HttpBody::size_hint(returned.body())
            .exact()
            .is_some_and(|length| length <= LONGEST_BODY as u64);
        if !is_short || !may_be_stored(returned.status(), returned.headers()) {
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

    fn demanded(with_innermost: WithInnermost<Self, Response, WholeResponse>) -> Self {
        with_innermost.kind()
    }
}

/// How many headers the layer and the server add to a response.
const ADDED: usize = 11;

/// Whether the response may be stored: a cookie belongs to one browser, and `no-store` forbids storing. `304` and `206` answer
/// what one request has asked, and `Vary: *` says that any part of the request may matter (RFC 9111, sections 3 and 4.1). A
/// `private` response may be stored if the key distinguishes clients, which is not known here.
fn may_be_stored(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_of_a_condition = matches!(
        status,
        StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
    ) || status.is_informational();
    let varies_by_all = || {
        let mut vary = headers.get_all(VARY).iter();
        vary.any(|names| {
            names
                .as_bytes()
                .split(|byte| *byte == b',')
                .any(|name| name.trim_ascii() == b"*")
        })
    };
    !is_of_a_condition
        && !headers.contains_key(SET_COOKIE)
        && !headers.contains_key(CONTENT_RANGE)
        && !says(headers, "no-store")
        && !varies_by_all()
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::entry::CodecKind;

    const HOW: Preparing = Preparing {
        precompress_from: 0,
        max_value_bytes: usize::MAX,
    };

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
        let response = WholeResponse.prepare(response, HOW).await;
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
        let response = WholeResponse
            .prepare(Response::new("seven".into()), HOW)
            .await;
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
            .prepare(Response::new(Body::from(long.clone())), HOW)
            .await;
        assert!(WholeResponse.keep(&response).is_none());
        assert_eq!(body_of(response).await, long);
    }

    #[tokio::test]
    async fn what_belongs_to_one_client_is_not_kept() {
        for (status, name, value) in [
            (200, "set-cookie", "a=1"),
            (200, "cache-control", "max-age=5, No-Store"),
            (200, "vary", "accept, *"),
            (200, "content-range", "bytes 0-3/10"),
            (206, "x-total", "7"),
            (304, "x-total", "7"),
        ] {
            let response = http::Response::builder()
                .status(status)
                .header(name, value)
                .body(Body::from("mine"))
                .unwrap();
            let response = WholeResponse.prepare(response, HOW).await;
            assert!(WholeResponse.keep(&response).is_none(), "{name}: {value}");
            assert_eq!(body_of(response).await, "mine");
        }
    }

    #[tokio::test]
    async fn what_was_read_of_an_earlier_body_is_not_kept_as_this_one() {
        let read = async || {
            WholeResponse
                .prepare(Response::new("earlier".into()), HOW)
                .await
        };
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
            let changed = WholeResponse.prepare(changed, HOW).await;
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
        let response = WholeResponse.prepare(response, HOW).await;
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
        let response = WholeResponse.prepare(response, HOW).await;
        let kept = WholeResponse.keep(&response).unwrap();
        let restored = WholeResponse.restore(kept).unwrap();
        let names: Vec<_> = restored.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-total"]);
    }
}
