//! A cached function, as its generated code describes it, and one call of it.
//!
//! A [`Site`] is a `static`: in a generic function all instances share it, so nothing in it depends on a type.

use std::sync::Once;
use std::time::Duration;

use parking_lot::Mutex;

use crate::cache::Cache;
use crate::entry::{CodecKind, Compression};
use crate::global;
use crate::invalidate::Invalidation;
use crate::key::{CacheKey, KeyPart, NotAKey, Pattern, PatternTemplate, Template};
use crate::policy::Policy;
use crate::stats::{CacheStats, Counters};
use crate::ttl::Ttl;

/// What a function says about itself.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    template: Option<Template>,
    ttl: Ttl,
    pub(crate) none_ttl: Option<Duration>,
    invalidates: &'static [PatternTemplate],
    tags: &'static [PatternTemplate],
    pub(crate) always: bool,
    pub(crate) near: Near,
    pub(crate) policy: Policy,
    public: bool,
    vary: &'static [&'static str],
    without_caller: bool,
    counters: Counters,
    listed: Once,
    warned: Once,
}

/// Whose call it is, and for whom its answer, for those who tell of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) site: &'static Site,
    pub(crate) public: bool,
}

/// May the memory tier answer while Redis is up?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Near {
    /// Yes: it follows Redis within the delay of a push.
    On,
    /// No: every read asks Redis.
    Off,
    /// A copy at most so old.
    AtMost(Duration),
}

/// Functions that have been called, for the table of [`functions`].
static LISTED: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());

/// The counts of every cached function that was called in this process, by name.
#[must_use]
pub fn functions() -> Vec<(&'static str, CacheStats)> {
    let mut functions: Vec<_> = LISTED
        .lock()
        .iter()
        .map(|site| (site.name, site.counters.snapshot()))
        .collect();
    functions.sort_unstable_by_key(|(name, _)| *name);
    functions
}

impl Site {
    /// A function of that name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            template: None,
            ttl: Ttl::Default,
            none_ttl: None,
            invalidates: &[],
            tags: &[],
            always: false,
            near: Near::On,
            policy: Policy::PLAIN,
            public: false,
            vary: &[],
            without_caller: false,
            counters: Counters::new(),
            listed: Once::new(),
            warned: Once::new(),
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

    /// Its key holds nothing that could tell who asks.
    #[must_use]
    pub const fn without_caller(mut self) -> Self {
        self.without_caller = true;
        self
    }

    /// Request headers that its key depends on.
    pub(crate) fn varies_by(&self) -> &'static [&'static str] {
        self.vary
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
                function = self.name,
                "its key holds nothing of who asks, so answers to requests with `Authorization` go uncached: say `public` \
                 if all who may ask get the same, or put who asks into the key and say `vary = \"authorization\"`"
            );
        });
    }

    /// The function's name in the statistics.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Begins a call.
    #[must_use]
    pub fn call(&'static self) -> Call {
        self.listed.call_once(|| LISTED.lock().push(self));
        Call {
            site: self,
            cache: None,
            key: Keyed::Nothing,
            ttl: None,
            public: self.public,
            patterns: Rendered {
                templates: self.invalidates,
                rendered: Vec::new(),
            },
            tags: Rendered {
                templates: self.tags,
                rendered: Vec::new(),
            },
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// One call: its key, and what it will remove, rendered before the body takes the arguments.
#[derive(Debug)]
pub struct Call {
    pub(crate) site: &'static Site,
    cache: Option<Cache>,
    pub(crate) key: Keyed,
    ttl: Option<Ttl>,
    public: bool,
    pub(crate) patterns: Rendered,
    pub(crate) tags: Rendered,
}

/// The key of a call.
#[derive(Debug)]
pub(crate) enum Keyed {
    /// The function has none.
    Nothing,
    Key(CacheKey),
    /// An argument cannot be part of a key: this call goes without the cache.
    Unkeyable,
}

impl Keyed {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key.as_str()),
            Self::Nothing | Self::Unkeyable => None,
        }
    }
}

/// Patterns or tags of one call, some of which only the result may tell.
#[derive(Debug)]
pub(crate) struct Rendered {
    templates: &'static [PatternTemplate],
    /// By place; shorter than `templates`, or with holes, while some are not rendered.
    rendered: Vec<Option<Pattern>>,
}

impl Call {
    /// Uses another cache than the global one.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Uses another lifetime than the site's.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = Some(ttl.into());
        self
    }

    /// Its answer is for everyone who may ask, or not.
    #[must_use]
    pub fn public(mut self, public: bool) -> Self {
        self.public = public;
        self
    }

    /// Renders the site's key.
    #[must_use]
    pub fn key(mut self, parts: &[&dyn KeyPart]) -> Self {
        self.key = match self
            .site
            .template
            .as_ref()
            .map(|template| template.render(parts))
        {
            Some(Ok(key)) => Keyed::Key(key),
            _ => Keyed::Unkeyable,
        };
        self
    }

    /// Renders an automatic key: the names of the types that the function is generic over, then its arguments.
    #[must_use]
    pub fn auto_key(self, types: &[&str], parts: &[&dyn KeyPart]) -> Self {
        let parts: Vec<&dyn KeyPart> = types
            .iter()
            .map(|name| name as &dyn KeyPart)
            .chain(parts.iter().copied())
            .collect();
        self.key(&parts)
    }

    /// Takes a key that the function's own expression gave.
    #[must_use]
    pub fn key_expr(mut self, key: impl Into<CacheKey>) -> Self {
        self.key = Keyed::Key(key.into());
        self
    }

    /// Renders the pattern at a place.
    #[must_use]
    pub fn invalidates(mut self, index: usize, parts: &[&dyn KeyPart]) -> Self {
        self.patterns.render(index, parts);
        self
    }

    /// Renders the tag at a place.
    #[must_use]
    pub fn tag(mut self, index: usize, parts: &[&dyn KeyPart]) -> Self {
        self.tags.render(index, parts);
        self
    }

    /// The key, for code that wants it. An argument that cannot be part of a key gives one that is never stored.
    #[must_use]
    pub fn into_key(self) -> CacheKey {
        match self.key {
            Keyed::Key(key) => key,
            Keyed::Nothing | Keyed::Unkeyable => CacheKey::unkeyable(),
        }
    }

    /// Removes the key; one that cannot be rendered widens to its literal beginning.
    pub async fn invalidate(self) -> Invalidation {
        let cache = self.used_cache();
        let pattern = match &self.key {
            Keyed::Key(key) => Pattern::key(key),
            Keyed::Nothing | Keyed::Unkeyable => Pattern::Prefix(
                self.site
                    .template
                    .as_ref()
                    .map_or("", Template::literal_prefix)
                    .to_owned(),
            ),
        };
        cache.remove(vec![pattern], None).await
    }

    pub(crate) fn used_cache(&self) -> Cache {
        self.cache
            .clone()
            .unwrap_or_else(|| global::cache().clone())
    }

    pub(crate) fn about(&self) -> About {
        About {
            site: self.site,
            public: self.public,
        }
    }

    /// Whoever presents credentials may be due another answer than the key can tell apart (RFC 9111, section 3.5).
    pub(crate) fn is_blind_to_credentials(&self) -> bool {
        self.site.without_caller && !self.public
    }

    pub(crate) fn used_ttl(&self) -> Ttl {
        self.ttl.unwrap_or(self.site.ttl)
    }

    /// What the success value adds to the patterns and tags.
    pub(crate) fn late(&mut self) -> Late<'_> {
        Late {
            patterns: &mut self.patterns,
            tags: &mut self.tags,
        }
    }
}

/// Where a function's own result adds to its patterns and tags.
#[derive(Debug)]
pub struct Late<'a> {
    patterns: &'a mut Rendered,
    tags: &'a mut Rendered,
}

impl Late<'_> {
    /// Renders the pattern at a place.
    pub fn invalidates(&mut self, index: usize, parts: &[&dyn KeyPart]) {
        self.patterns.render(index, parts);
    }

    /// Renders the tag at a place.
    pub fn tag(&mut self, index: usize, parts: &[&dyn KeyPart]) {
        self.tags.render(index, parts);
    }
}

impl Rendered {
    fn render(&mut self, index: usize, parts: &[&dyn KeyPart]) {
        if let Some(template) = self.templates.get(index) {
            if self.rendered.len() <= index {
                self.rendered.resize(index + 1, None);
            }
            self.rendered[index] = Some(template.render(parts));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// All of them; what was not rendered widens to its literal beginning.
    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        let rendered = |index: usize| self.rendered.get(index).cloned().flatten();
        self.templates
            .iter()
            .enumerate()
            .map(|(at, template)| rendered(at).unwrap_or_else(|| template.widened()))
            .collect()
    }

    /// The tags that are known, and the literal beginnings of those that are not.
    pub(crate) fn known_and_open(&self) -> (Vec<String>, Vec<String>) {
        let (mut known, mut open) = (Vec::new(), Vec::new());
        for pattern in self.patterns() {
            match pattern {
                Pattern::Tag(tag) => known.push(tag),
                Pattern::TagPrefix(tag) => open.push(tag),
                _ => {}
            }
        }
        (known, open)
    }
}

/// An argument's text, rendered before the body takes the argument.
#[derive(Debug)]
pub struct KeyText(Result<String, NotAKey>);

impl KeyText {
    /// The text of an argument.
    pub fn of(part: &dyn KeyPart) -> Self {
        const ONLY: Template = Template::new(&["", ""]);
        Self(ONLY.render(&[part]).map(|key| key.as_str().to_owned()))
    }
}

impl KeyPart for KeyText {
    fn write_to(&self, out: &mut crate::key::KeyWriter) -> Result<(), NotAKey> {
        match &self.0 {
            Ok(text) => {
                out.rendered(text);
                Ok(())
            }
            Err(why) => Err(why.clone()),
        }
    }
}
