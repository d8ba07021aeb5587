//! What caches between us and the reader may keep.

use axum::http::header::{CACHE_CONTROL, HeaderValue, VARY};
use axum::response::{IntoResponseParts, ResponseParts};

/// `Cache-Control` and `Vary` for an answer that depends on who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Anybody gets this: a CDN may keep it for 30 s, and for 60 s more while it fetches anew.
    Public,
    /// Made for one reader: only that reader's browser may keep it.
    Private,
}

impl Edge {
    /// `None` is the anonymous reader.
    pub fn for_reader(user_id: Option<i64>) -> Self {
        if user_id.is_some() {
            Self::Private
        } else {
            Self::Public
        }
    }
}

/// Both kinds carry `Vary: Cookie`. Without it on the public one, a CDN that has it would hand it
/// to signed-in readers too.
///
/// What an edge holds is out of reach of our invalidations: for up to `max-age` it may be older than
/// anything this service says.
impl IntoResponseParts for Edge {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        let control = match self {
            Self::Public => "public, max-age=30, stale-while-revalidate=60",
            Self::Private => "private",
        };
        let headers = parts.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(control));
        headers.insert(VARY, HeaderValue::from_static("Cookie"));
        Ok(parts)
    }
}
