//! A cached function, as its generated code describes it. One call of it is in [`super::call`].
//!
//! A [`Site`] is a `static`: in a generic function all instances share it, so nothing in it depends on a type.

use std::sync::Once;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;

use crate::cache::Hit;
use crate::common::one_at_a_time::OneAtATime;
use crate::common::random;
use crate::entry::policy::{Near, Outage, Policy};
use crate::entry::{CodecKind, Compression};
#[cfg(feature = "axum")]
use crate::key::Pattern;
use crate::key::{PatternTemplate, Template};
use crate::telemetry::function::Function;
#[cfg(feature = "axum")]
use crate::telemetry::history::Times;
use crate::telemetry::stats::{CacheStats, Counters};
use crate::ttl::Ttl;

/// The description of a cached function.
#[derive(Debug)]
pub struct Site {
    function: Function,
    pub(super) template: Option<Template>,
    pub(super) ttl: Ttl,
    pub(crate) none_ttl: Option<Duration>,
    /// What it removes; then what the expressions of `invalidates` may name at most.
    pub(super) invalidates: &'static [PatternTemplate],
    /// How many of `invalidates` it removes, if the rest are bounds.
    pub(super) bounds_from: Option<usize>,
    pub(super) tags: &'static [PatternTemplate],
    pub(super) result_tags: bool,
    pub(crate) always: bool,
    pub(crate) near: Option<Near>,
    pub(crate) policy: Policy,
    pub(super) public: bool,
    vary: &'static [&'static str],
    /// Comparisons of its values, and the version of the value that was the last one to differ.
    pub(super) comparing: OneAtATime,
    pub(super) mismatched: AtomicU64,
    listed: Once,
    warned: Once,
    told: Once,
    told_of_bounds: Once,
}

/// The function of a call, and whether its answer is public, for reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) site: &'static Site,
    pub(crate) public: bool,
}

/// The functions that have been called, for [`functions`].
static LISTED: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());

/// The counters of every cached function that was called in this process, by name.
#[must_use]
pub fn functions() -> Vec<(&'static str, CacheStats)> {
    let mut functions: Vec<_> = LISTED
        .lock()
        .iter()
        .map(|site| (site.name(), site.counters().snapshot()))
        .collect();
    functions.sort_unstable_by_key(|(name, _)| *name);
    functions
}

/// A cached function that was called, with its figures.
#[cfg(feature = "axum")]
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) name: &'static str,
    pub(crate) stats: CacheStats,
    /// How long its bodies ran.
    pub(crate) times: Times,
    /// Covers every key of the function; `None` if it has no key.
    pub(crate) pattern: Option<Pattern>,
}

/// The functions that were called, sorted by name. Two methods of the same name are two functions.
#[cfg(feature = "axum")]
pub(crate) fn called() -> Vec<Called> {
    let read = |site: &&'static Site| Called {
        name: site.name(),
        stats: site.counters().snapshot(),
        times: Times::within(&site.counters().load_times),
        pattern: site.template.map(|template| template.every_key()),
    };
    let mut called: Vec<Called> = LISTED.lock().iter().map(read).collect();
    called.sort_unstable_by_key(|function| function.name);
    called
}

impl Site {
    /// Describes a function with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            function: Function::new(name),
            template: None,
            ttl: Ttl::Default,
            none_ttl: None,
            invalidates: &[],
            bounds_from: None,
            tags: &[],
            result_tags: false,
            always: false,
            near: None,
            policy: Policy::PLAIN,
            public: false,
            vary: &[],
            comparing: OneAtATime::new(),
            mismatched: AtomicU64::new(0),
            listed: Once::new(),
            warned: Once::new(),
            told: Once::new(),
            told_of_bounds: Once::new(),
        }
    }

    /// Sets its key.
    #[must_use]
    pub const fn key(mut self, template: Template) -> Self {
        self.template = Some(template);
        self
    }

    /// Sets the TTL of its values.
    #[must_use]
    pub const fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// Says that the TTL depends on the result. A call that does not have it, because it shares another's load, does not
    /// know the TTL; and nothing is stored until it is set.
    #[must_use]
    pub const fn ttl_of_value(self) -> Self {
        self.ttl(Ttl::Fixed(Duration::ZERO))
    }

    /// Sets the TTL of a cached absence.
    #[must_use]
    pub const fn none_ttl(mut self, life: Duration) -> Self {
        self.none_ttl = Some(life);
        self
    }

    /// Sets the patterns that it removes.
    #[must_use]
    pub const fn invalidates(mut self, patterns: &'static [PatternTemplate]) -> Self {
        self.invalidates = patterns;
        self
    }

    /// Declares that it removes also what an expression names, which depends on the result. The patterns from this position
    /// on are not removed: they cover all that the expression may name.
    #[must_use]
    pub const fn invalidates_within(mut self, from: usize) -> Self {
        self.bounds_from = Some(from);
        self
    }

    /// Sets the tags of its entries, each as a tag pattern.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [PatternTemplate]) -> Self {
        self.tags = tags;
        self
    }

    /// Declares that the tags of its entries depend on the result.
    #[must_use]
    pub const fn result_tags(mut self) -> Self {
        self.result_tags = true;
        self
    }

    /// Makes its removals even if it fails.
    #[must_use]
    pub const fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Sets which values memory may serve.
    #[must_use]
    pub const fn near(mut self, near: Near) -> Self {
        self.near = Some(near);
        self
    }

    /// Sets how long after its TTL a value is served while it is refreshed.
    #[must_use]
    pub const fn stale(mut self, time: Duration) -> Self {
        self.policy.stale = time;
        self
    }

    /// Sets how long after its TTL a value is served if the body fails or is slow.
    #[must_use]
    pub const fn stale_on_error(mut self, time: Duration) -> Self {
        self.policy.stale_on_error = time;
        self
    }

    /// Sets how long after a failure the older value is served without another attempt.
    #[must_use]
    pub const fn retry(mut self, time: Duration) -> Self {
        self.policy.retry = time;
        self
    }

    /// Refreshes values before the end of their TTL; `beta` sets how early.
    #[must_use]
    pub const fn early(mut self, beta: f64) -> Self {
        self.policy.early = Some(beta);
        self
    }

    /// Sets how long a call waits at most.
    #[must_use]
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.policy.timeout = Some(time);
        self
    }

    /// Sets how long a call waits for its body if there is a stale value to serve.
    #[must_use]
    pub const fn soft_timeout(mut self, time: Duration) -> Self {
        self.policy.soft_timeout = Some(time);
        self
    }

    /// Sets by how many percent a TTL is shortened at most.
    #[must_use]
    pub const fn jitter(mut self, percent: u8) -> Self {
        self.policy.jitter = percent;
        self
    }

    /// Sets what answers while Redis is unavailable.
    #[must_use]
    pub const fn outage(mut self, outage: Outage) -> Self {
        self.policy.outage = Some(outage);
        self
    }

    /// Sets how values are encoded.
    #[must_use]
    pub const fn codec(mut self, codec: CodecKind) -> Self {
        self.policy.codec = codec;
        self
    }

    /// Compresses payloads from this size on.
    #[must_use]
    pub const fn compress(mut self, how: Compression, from: usize) -> Self {
        self.policy.compress = Some((how, from));
        self
    }

    /// Compares one of so many hits with what the body returns then.
    #[must_use]
    pub const fn verify(mut self, hits: u32) -> Self {
        self.policy.verify = hits;
        self
    }

    /// Stores and compares values, and serves none.
    #[must_use]
    pub const fn shadow(mut self) -> Self {
        self.policy.shadow = true;
        self
    }

    /// Declares its answers to be the same for everyone who may ask.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Sets the request headers that its key depends on, in lower case.
    #[must_use]
    pub const fn vary(mut self, headers: &'static [&'static str]) -> Self {
        self.vary = headers;
        self
    }

    /// The request headers that its key depends on.
    pub(crate) fn varies_by(&self) -> &'static [&'static str] {
        self.vary
    }

    /// Whether it declares that its key depends on the request's `Authorization`.
    pub(super) fn varies_by_authorization(&self) -> bool {
        self.vary.contains(&"authorization")
    }

    /// Whether its key depends on credentials, so that clients with different ones share no entry.
    pub(crate) fn is_personal(&self) -> bool {
        let credentials = |name: &&str| matches!(*name, "authorization" | "cookie");
        self.vary.iter().any(credentials)
    }

    /// Warns, once, about a function that might serve one client's answer to another.
    pub(crate) fn warn_of_credentials(&self) {
        self.warned.call_once(|| {
            tracing::warn!(
                function = self.name(),
                "the key of this function does not identify the caller, so responses to requests with `Authorization` are not cached: \
                 write `public` if all callers get the same response, or put the caller into the key and implement \
                 `IdentifiesCaller` for the argument's type (`vary = \"authorization\"` if that type is another crate's)"
            );
        });
    }

    /// Logs, once, that the keys are longer than their template: whoever writes one by hand must know this.
    pub(crate) fn log_instances(&self, over: &str) {
        self.told.call_once(|| {
            tracing::info!(
                function = self.name(),
                over,
                "the `impl` or trait of this function is generic, so the name of the type is the last segment of its keys: put `<Self>` \
                 into the key to place it elsewhere, or write `skip(Self)` if all types have the same result"
            );
        });
    }

    /// Warns, once, that an expression of `invalidates` has named something outside of `invalidates_within`.
    pub(super) fn warn_of_bounds(&self) {
        self.told_of_bounds.call_once(|| {
            tracing::warn!(
                function = self.name(),
                "`invalidates` names something that `invalidates_within` does not cover. It is removed, but not if the body panics or its \
                 caller is dropped, and until then the body gets its old value from the cache: add it to `invalidates_within`"
            );
        });
    }

    /// The function's name in the statistics.
    pub(crate) fn name(&self) -> &'static str {
        self.function.name
    }

    /// Whether this hit is one of those that are compared with what the body returns.
    #[inline] // it is on the path of a memory hit
    pub(super) fn verifies(&self, hit: &Hit) -> bool {
        self.policy.verify != 0 && !hit.is_stale() && random::once_in(self.policy.verify)
    }

    /// Lists the function among those that were called.
    pub(super) fn list(&'static self) {
        self.listed.call_once(|| LISTED.lock().push(self));
    }

    /// Its name and counters.
    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.function.counters
    }
}
