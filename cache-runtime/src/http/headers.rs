//! The headers that the layer adds to an answer.

use axum::body::Body;
use http::header::{AGE, AUTHORIZATION, CACHE_CONTROL, COOKIE, EXPIRES, Entry, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::cache::Cache;
use crate::cache::global;
use crate::cacheable::response::{age_of, says};
use crate::http::cache_status;
use crate::http::conditional::{Completed, Wanted, varies_by, vary_by};
use crate::http::etag::Strength;
use crate::http::freshness::{Audience, DEFAULT_CACHE_CONTROL, cache_control};
use crate::outage::breaker::BreakerState;
use crate::telemetry::outcome::{Observed, ObserverOptions};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The settings of a layer.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) name: String,
    pub(super) each_call: bool,
    pub(super) keys: bool,
    pub(super) cache_control: Option<Audience>,
    pub(super) vary: Vec<HeaderName>,
    pub(super) etag: Strength,
    pub(super) honor_no_cache: bool,
    pub(super) cache: Option<Cache>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "cache".to_owned(),
            each_call: false,
            keys: false,
            cache_control: None,
            vary: Vec::new(),
            etag: Strength::default(),
            honor_no_cache: false,
            cache: None,
        }
    }
}

/// The properties of a request that determine the headers of its answer.
#[derive(Debug)]
pub(super) struct Asked {
    /// `None`: it is neither a `GET` nor a `HEAD`.
    pub(super) wanted: Option<Wanted>,
    no_cache: bool,
    /// The request has `Authorization`.
    authorized: bool,
    /// The request has `Cookie`.
    cookies: bool,
}

impl Asked {
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let wanted = Wanted::of(method, headers);
        Self {
            no_cache: wanted.is_some() && says(headers, "no-cache"),
            wanted,
            authorized: headers.contains_key(AUTHORIZATION),
            cookies: headers.contains_key(COOKIE),
        }
    }

    fn reads(&self) -> bool {
        self.wanted.is_some()
    }

    /// Adds the credentials of the request to `Vary`: the browser must not use a kept answer for the next user who
    /// signs in.
    fn add_vary(&self, headers: &mut HeaderMap) {
        for (is_there, name) in [(self.authorized, AUTHORIZATION), (self.cookies, COOKIE)] {
            if is_there {
                vary_by(headers, name);
            }
        }
    }
}

impl Options {
    /// The options for the observer of this request.
    pub(super) fn observed(&self, asked: &Asked) -> ObserverOptions {
        ObserverOptions {
            fresh: self.honor_no_cache && asked.no_cache,
            keys: self.keys,
            authorized: asked.authorized,
        }
    }

    /// Adds the headers. The `ETag` of some answers can be added only when their body has been read.
    pub(super) fn complete(
        &self,
        mut response: Response<Body>,
        asked: Asked,
        observed: &Observed,
    ) -> Completed {
        let succeeds = response.status().is_success();
        let headers = response.headers_mut();
        // Looked for before headers are added, because what this layer adds never says it.
        let no_store = says(headers, "no-store");
        self.add_vary(headers, observed);
        let Some(word) = observed.as_str() else {
            Self::add_cache_control(headers, None);
            return Completed::Whole(response);
        };
        set_if_absent(headers, &X_CACHE, Some(HeaderValue::from_static(word)));
        if let Some(status) = self.cache_status(observed) {
            // `Cache-Status` is a list: what the handler reports of another cache comes first.
            headers.append(CACHE_STATUS, status);
        }
        if asked.reads() && observed.hits > 0 {
            set_if_absent(headers, &AGE, Some(observed.age.as_secs().into()));
        }
        let value = self.cache_control.filter(|_| asked.reads() && succeeds);
        let value = value.and_then(|audience| {
            let audience = audience.of(observed, &asked, headers);
            if audience == Audience::Private {
                asked.add_vary(headers);
            }
            cache_control(observed, audience, age_of(headers))
        });
        Self::add_cache_control(headers, value);
        match asked.wanted {
            Some(wanted) if response.status() == StatusCode::OK => {
                wanted.answer(response, self.etag, no_store)
            }
            _ => Completed::Whole(response),
        }
    }

    /// Sets `Cache-Control`: `told` if there is one, else only the browser of the user may keep the answer. If the
    /// handler set `Expires`, nothing is added.
    fn add_cache_control(headers: &mut HeaderMap, value: Option<String>) {
        if headers.contains_key(EXPIRES) {
            return;
        }
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        set_if_absent(
            headers,
            &CACHE_CONTROL,
            Some(value.unwrap_or(DEFAULT_CACHE_CONTROL)),
        );
    }

    fn cache_status(&self, observed: &Observed) -> Option<HeaderValue> {
        let cache = self.cache.as_ref().or_else(|| global::existing());
        let away = cache
            .and_then(Cache::breaker_state)
            .is_some_and(|state| state != BreakerState::Closed);
        let value = if self.each_call {
            cache_status::of_each(&self.name, observed, self.keys, away)
        } else {
            cache_status::of_all(&self.name, observed, self.keys, away)
        };
        HeaderValue::try_from(value?).ok()
    }

    fn add_vary(&self, headers: &mut HeaderMap, observed: &Observed) {
        let of_functions = observed
            .calls()
            .iter()
            .flat_map(|call| call.vary)
            .filter_map(|name| HeaderName::try_from(*name).ok());
        for name in self.vary.iter().cloned().chain(of_functions) {
            vary_by(headers, name);
        }
    }
}

impl Audience {
    /// Public only if every function is `public`, and neither a cookie nor the credentials of the request forbid it.
    fn of(self, observed: &Observed, asked: &Asked, headers: &HeaderMap) -> Self {
        let said = observed.omitted() == 0 && observed.calls().iter().all(|call| call.public);
        let personal = headers.contains_key(SET_COOKIE)
            || asked.authorized && !varies_by(headers, &AUTHORIZATION)
            || asked.cookies && !varies_by(headers, &COOKIE);
        if said && !personal {
            self
        } else {
            Self::Private
        }
    }
}

/// Sets a header, unless the handler has set it.
fn set_if_absent(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value
        && let Entry::Vacant(place) = headers.entry(name)
    {
        place.insert(value);
    }
}
