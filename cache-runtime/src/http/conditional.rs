//! The `ETag` of an answer, the compressed form that the client prefers, and `304` if the client has the answer already.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Frame;

use crate::cacheable::body::{LONGEST_BODY, at_hand, buffer};
use crate::cacheable::prepared::{Form, Known, KnownBody};
use crate::http::accept_encoding::AcceptEncoding;
use crate::http::etag::{self, Strength};

/// The forms of an answer that a `GET` or `HEAD` accepts, and those that its client has already.
#[derive(Debug)]
pub(super) struct Wanted {
    accept: AcceptEncoding,
    /// The `If-None-Match` headers.
    known: HeaderMap,
    /// A `HEAD`: the body will not be sent.
    head: bool,
}

impl Wanted {
    /// `None` for other methods.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let mut known = HeaderMap::new();
        for value in headers.get_all(http::header::IF_NONE_MATCH) {
            known.append(http::header::IF_NONE_MATCH, value.clone());
        }
        Some(Self {
            accept: AcceptEncoding::of(headers),
            known,
            head: *method == Method::HEAD,
        })
    }

    /// Completes a successful answer. `no_store`: its `Cache-Control` says so.
    pub(super) fn answer(
        self,
        mut response: Response<Body>,
        strength: Strength,
        no_store: bool,
    ) -> Completed {
        let stored = response.extensions_mut().remove::<Known>();
        if response.headers().contains_key(ETAG) {
            return Completed::Whole(self.unless_known(response));
        }
        if no_store {
            return Completed::Whole(response);
        }
        let length = HttpBody::size_hint(response.body()).exact();
        // Also if it is longer than what is hashed for each answer.
        // A router below this layer has answered a `HEAD` already: without the body, and with its length.
        let stripped = (self.head && length == Some(0))
            .then(|| response.headers().get(CONTENT_LENGTH).cloned())
            .flatten();
        let is_of = |Known(stored): &&Known| stripped == Some(stored.body().len().into());
        if let Some(Known(stored)) = stored.as_ref().filter(is_of) {
            return Completed::Whole(self.answer_stored(response, &**stored, strength));
        }
        let is_whole = |stored: &dyn KnownBody| {
            !stored.body().is_empty() && length == Some(stored.body().len() as u64)
        };
        let stored = stored.filter(|Known(stored)| is_whole(&**stored));
        let is_short = length.is_some_and(|length| (1..=LONGEST_BODY as u64).contains(&length));
        if stored.is_none() && (strength == Strength::Off || !is_short) {
            return Completed::Whole(response);
        }
        let unread = Unread {
            wanted: self,
            stored,
            strength,
        };
        match at_hand(&mut response) {
            Some(body) => Completed::Whole(unread.answer(response, &body)),
            None => Completed::Reading(Box::pin(unread.read(response))),
        }
    }

    /// `304` if the client has this `ETag`.
    fn unless_known(&self, mut response: Response<Body>) -> Response<Body> {
        let is_known = response
            .headers()
            .get(ETAG)
            .is_some_and(|etag| etag::matches(&self.known, etag));
        if is_known {
            not_modified(&mut response);
        }
        response
    }

    /// An answer whose `ETag` and forms were made when it was stored.
    fn answer_stored(
        &self,
        mut response: Response<Body>,
        stored: &dyn KnownBody,
        strength: Strength,
    ) -> Response<Body> {
        let is_coded = response.headers().contains_key(CONTENT_ENCODING);
        let forms = if is_coded { &[] } else { stored.forms() };
        let best = self.accept.best(forms);
        if !forms.is_empty() {
            vary_by(response.headers_mut(), http::header::ACCEPT_ENCODING);
        }
        let etag = best.map_or(stored.etag(), |form| &form.etag);
        let own = self.known_etag(stored, forms, etag);
        let named = own.unwrap_or(etag);
        // The tag is made from the text: another version of the compressor may have made other bytes from it.
        let strength = match strength {
            Strength::Strong if named != stored.etag() => Strength::Weak,
            strength => strength,
        };
        let headers = response.headers_mut();
        if let Some(etag) = etag::with_strength(named, strength) {
            headers.insert(ETAG, etag);
            if own.is_some() {
                not_modified(&mut response);
                return response;
            }
        }
        let body = best.map_or(stored.body(), |form| &form.body);
        if let Some(form) = best {
            headers.insert(
                CONTENT_ENCODING,
                HeaderValue::from_static(form.coding.name()),
            );
            headers.remove(CONTENT_LENGTH);
        }
        if self.head {
            headers.insert(CONTENT_LENGTH, body.len().into());
            *response.body_mut() = Body::new(Nothing);
        } else if best.is_some() {
            *response.body_mut() = Body::from(body.clone());
        }
        response
    }

    /// The `ETag` of a form that the client has and accepts. The `304` names it, so that a cache which keeps several forms
    /// knows which one to send to this client.
    fn known_etag<'a>(
        &self,
        stored: &'a dyn KnownBody,
        forms: &'a [Form],
        best: &'a HeaderValue,
    ) -> Option<&'a HeaderValue> {
        if self.known.is_empty() {
            return None;
        }
        let accepted = forms.iter().filter(|form| self.accept.accepts(form));
        let identity = self.accept.accepts_identity().then(|| stored.etag());
        [best]
            .into_iter()
            .chain(accepted.map(|form| &form.etag))
            .chain(identity)
            .find(|etag| etag::matches(&self.known, etag))
    }
}

/// An answer with its headers.
pub(super) enum Completed {
    Whole(Response<Body>),
    /// Its body has to be read first, for the `ETag`.
    Reading(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

/// The knowledge about an answer whose body has not been read yet.
struct Unread {
    wanted: Wanted,
    stored: Option<Known>,
    strength: Strength,
}

impl Unread {
    async fn read(self, response: Response<Body>) -> Response<Body> {
        let limit = match &self.stored {
            Some(Known(stored)) => stored.body().len(),
            None => LONGEST_BODY,
        };
        match buffer(response, limit).await {
            (response, Some(body)) => self.answer(response, &body),
            (response, None) => response,
        }
    }

    fn answer(self, mut response: Response<Body>, body: &Bytes) -> Response<Body> {
        let wanted = &self.wanted;
        match self.stored {
            // The response's body is the very memory that was hashed, and nothing between has changed it.
            Some(Known(stored)) if is_same(body, stored.body()) => {
                wanted.answer_stored(response, &*stored, self.strength)
            }
            _ => {
                if let Some(etag) = etag::of(body, self.strength) {
                    response.headers_mut().insert(ETAG, etag);
                }
                wanted.unless_known(response)
            }
        }
    }
}

/// Whether both are the same memory. While one of them is held, the memory is not used for anything else.
fn is_same(one: &Bytes, other: &Bytes) -> bool {
    one.as_ptr() == other.as_ptr() && one.len() == other.len()
}

fn not_modified(response: &mut Response<Body>) {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.body_mut() = Body::new(Nothing);
    for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING] {
        response.headers_mut().remove(name);
    }
}

/// The body of a `304`. It reports no length, because the framework would then send `Content-Length: 0`, which in a
/// `304` means that the client's stored answer is empty.
struct Nothing;

impl HttpBody for Nothing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

/// Adds a name to `Vary`.
pub(super) fn vary_by(headers: &mut HeaderMap, name: HeaderName) {
    if !varies_by(headers, &name) {
        headers.append(VARY, HeaderValue::from_name(name));
    }
}

/// Whether `Vary` names the header.
pub(super) fn varies_by(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers
        .get_all(VARY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|other| other == "*" || other.eq_ignore_ascii_case(name.as_str()))
}
