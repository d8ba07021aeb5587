//! A cached function, as its generated code describes it; one call of it is in [`super::call`].
//!
//! A [`Site`] is a `static`: in a generic function all instances share it, so nothing in it depends on a type.

use std::sync::Once;
use std::time::Duration;

use parking_lot::Mutex;

use crate::entry::policy::{Near, Policy};
use crate::entry::{CodecKind, Compression};
use crate::key::{PatternTemplate, Template};
use crate::telemetry::function::Function;
use crate::telemetry::stats::{CacheStats, Counters};
use crate::ttl::Ttl;

/// What a function says about itself.
#[derive(Debug)]
pub struct Site {
    function: Function,
    pub(super) template: Option<Template>,
    pub(super) ttl: Ttl,
    pub(crate) none_ttl: Option<Duration>,
    pub(super) invalidates: &'static [PatternTemplate],
    pub(super) tags: &'static [PatternTemplate],
    pub(super) late_tags: bool,
    pub(crate) always: bool,
    pub(crate) near: Near,
    pub(crate) policy: Policy,
    pub(super) public: bool,
    vary: &'static [&'static str],
    listed: Once,
    warned: Once,
    told: Once,
}

/// Whose call it is, and for whom its answer, for those who tell of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) site: &'static Site,
    pub(crate) public: bool,
}

/// Functions that have been called, for the table of [`functions`].
static LISTED: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());

/// The counts of every cached function that was called in this process, by name.
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

impl Site {
    /// A function of that name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            function: Function::new(name),
            template: None,
            ttl: Ttl::Default,
            none_ttl: None,
            invalidates: &[],
            tags: &[],
            late_tags: false,
            always: false,
            near: Near::On,
            policy: Policy::PLAIN,
            public: false,
            vary: &[],
            listed: Once::new(),
            warned: Once::new(),
            told: Once::new(),
        }
    }

    /// Its key.
    #[must_use]
    pub const fn key(mut self, template: Template) -> Self {
        self.template = Some(template);
        self
    }

    /// How long its values live.
    #[must_use]
    pub const fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long an absence lives.
    #[must_use]
    pub const fn none_ttl(mut self, life: Duration) -> Self {
        self.none_ttl = Some(life);
        self
    }

    /// What it removes.
    #[must_use]
    pub const fn invalidates(mut self, patterns: &'static [PatternTemplate]) -> Self {
        self.invalidates = patterns;
        self
    }

    /// What its entries are labelled with, each as a tag pattern.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [PatternTemplate]) -> Self {
        self.tags = tags;
        self
    }

    /// Its entries carry tags, of which only the result tells how many and which.
    #[must_use]
    pub const fn late_tags(mut self) -> Self {
        self.late_tags = true;
        self
    }

    /// It removes also when it fails.
    #[must_use]
    pub const fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// What memory may answer.
    #[must_use]
    pub const fn near(mut self, near: Near) -> Self {
        self.near = near;
        self
    }

    /// How long past its lifetime a value is served while it is refreshed.
    #[must_use]
    pub const fn stale(mut self, time: Duration) -> Self {
        self.policy.stale = time;
        self
    }

    /// How long past its lifetime a value stands in for a body that fails or is slow.
    #[must_use]
    pub const fn stale_on_error(mut self, time: Duration) -> Self {
        self.policy.stale_on_error = time;
        self
    }

    /// After a failure, how long the older value stands in without another attempt.
    #[must_use]
    pub const fn retry(mut self, time: Duration) -> Self {
        self.policy.retry = time;
        self
    }

    /// Refreshes ahead of the end, so eagerly.
    #[must_use]
    pub const fn early(mut self, beta: f64) -> Self {
        self.policy.early = Some(beta);
        self
    }

    /// How long a call waits at most.
    #[must_use]
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.policy.timeout = Some(time);
        self
    }

    /// How long a call waits while there is a stale value that it could have.
    #[must_use]
    pub const fn soft_timeout(mut self, time: Duration) -> Self {
        self.policy.soft_timeout = Some(time);
        self
    }

    /// By how many percent a lifetime is shortened at most.
    #[must_use]
    pub const fn jitter(mut self, percent: u8) -> Self {
        self.policy.jitter = percent;
        self
    }

    /// Memory does not answer while Redis is away.
    #[must_use]
    pub const fn bypass_in_outage(mut self) -> Self {
        self.policy.memory_in_outage = false;
        self
    }

    /// How values become bytes.
    #[must_use]
    pub const fn codec(mut self, codec: CodecKind) -> Self {
        self.policy.codec = codec;
        self
    }

    /// Makes payloads of that many bytes and more smaller.
    #[must_use]
    pub const fn compress(mut self, how: Compression, from: usize) -> Self {
        self.policy.compress = Some((how, from));
        self
    }

    /// Its answers are for everyone who may ask.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Request headers that its key depends on, in lower case.
    #[must_use]
    pub const fn vary(mut self, headers: &'static [&'static str]) -> Self {
        self.vary = headers;
        self
    }

    /// Request headers that its key depends on.
    pub(crate) fn varies_by(&self) -> &'static [&'static str] {
        self.vary
    }

    /// It says that its key depends on the request's `Authorization`.
    pub(super) fn varies_by_authorization(&self) -> bool {
        self.vary.contains(&"authorization")
    }

    /// Its key holds credentials, so that what one client may see no other meets.
    pub(crate) fn is_personal(&self) -> bool {
        let credentials = |name: &&str| matches!(*name, "authorization" | "cookie");
        self.vary.iter().any(credentials)
    }

    /// Says so where a function might show one client's answer to another, once.
    pub(crate) fn warn_of_credentials(&self) {
        self.warned.call_once(|| {
            tracing::warn!(
                function = self.name(),
                "its key holds no argument that tells who asks, so answers to requests with `Authorization` go uncached: say \
                 `public` if all who may ask get the same, or put who asks into the key and implement `IdentifiesCaller` \
                 for the argument's type (`vary = \"authorization\"` where it is another crate's)"
            );
        });
    }

    /// Says, once, that the keys are longer than their template reads: whoever names one by hand must know.
    pub(crate) fn tell_of_instances(&self, over: &str) {
        self.told.call_once(|| {
            tracing::info!(
                function = self.name(),
                over,
                "its `impl` or trait is generic, so the name of the type is the last segment of its keys: put `<Self>` into \
                 the key to have it elsewhere, or say `skip(Self)` if all types give the same"
            );
        });
    }

    /// The function's name in the statistics.
    pub(crate) fn name(&self) -> &'static str {
        self.function.name
    }

    /// Lists the function among those that were called.
    pub(super) fn list(&'static self) {
        self.listed.call_once(|| LISTED.lock().push(self));
    }

    /// What the tiers know of it.
    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.function.counters
    }
}
