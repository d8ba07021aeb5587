//! A call of a cached function: its key and its removals, rendered before the body takes the arguments.

use std::time::Duration;

use crate::cache::Cache;
use crate::cache::global;
use crate::call::rendered::Rendered;
use crate::call::site::{About, Site};
use crate::key::{
    CacheKey, Instance, KeyPart, NotAKey, Pattern, PatternPart, Removable, Tag, Template,
};
use crate::telemetry::invalidation::Invalidation;
use crate::ttl::Ttl;

/// A call: its key and its removals, rendered before the body takes the arguments.
#[derive(Debug)]
pub struct Call {
    pub(crate) site: &'static Site,
    cache: Option<Cache>,
    pub(crate) key: Keyed,
    ttl: Option<Ttl>,
    public: bool,
    holds_caller: bool,
    pub(crate) patterns: Rendered,
    pub(crate) tags: Rendered,
}

/// The types that an expression of `key` may return.
#[diagnostic::on_unimplemented(
    message = "`key` is no key: it is `{Self}`",
    label = "expected a `CacheKey`, or a text",
    note = "of values, write a template, `key = \"job:<id>\"`, or `CacheKey::of(\"job\").segment(&id)`"
)]
pub trait IntoKey {
    /// The key.
    fn into_key(self) -> CacheKey;
}

#[diagnostic::do_not_recommend]
impl<K: Into<CacheKey>> IntoKey for K {
    fn into_key(self) -> CacheKey {
        self.into()
    }
}

/// The key of a call.
#[derive(Debug)]
pub(crate) enum Keyed {
    /// The function has no key.
    Nothing,
    Key(CacheKey),
    /// An argument cannot be part of a key: the call does not use the cache.
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

impl Site {
    /// Starts a call.
    #[must_use]
    pub fn call(&'static self) -> Call {
        self.list();
        Call::new(self)
    }
}

impl Call {
    pub(super) fn new(site: &'static Site) -> Self {
        Self {
            site,
            cache: None,
            key: Keyed::Nothing,
            ttl: None,
            public: site.public,
            holds_caller: false,
            patterns: Rendered::removals(site),
            tags: Rendered::tags(site),
        }
    }

    /// Uses another cache than the global one.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Uses another TTL than the site's.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = Some(ttl.into());
        self
    }

    /// Sets whether its answer is the same for everyone who may ask.
    #[must_use]
    pub fn public(mut self, public: bool) -> Self {
        self.public = public;
        self
    }

    /// Sets whether its key contains an argument that identifies the caller.
    #[must_use]
    pub fn holds_caller(mut self, holds: bool) -> Self {
        self.holds_caller = holds;
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

    /// Appends to the key the types that the function's surroundings are generic over, if any, so that two instances
    /// of a method share no entry. They come last, so that a removal of everything below any part of the key still
    /// covers it.
    #[must_use]
    pub fn of(self, instance: Instance) -> Self {
        match instance.generic_over() {
            None => self,
            Some(over) => {
                self.site.log_instances(over);
                self.with_segment(over)
            }
        }
    }

    /// For a method: appends its type to an automatic key, which begins with the path of the module. The methods of
    /// two types can have the same name.
    #[must_use]
    pub fn within(self, instance: Instance, module: &str) -> Self {
        self.below(instance.owner(), module)
    }

    /// The same for a method with `skip(Self)`, whose instances share their entries.
    #[must_use]
    pub fn within_any(self, instance: Instance, module: &str) -> Self {
        self.below(instance.written().unwrap_or(module), module)
    }

    /// For a function that is local to another one: appends the outer function to an automatic key. `site`: the name
    /// of a companion function, whose `impl` is beside it.
    #[must_use]
    pub fn beside(self, site: &str, module: &str) -> Self {
        let owner = site.split_once("::<impl ").map_or(site, |(owner, _)| owner);
        self.below(owner, module)
    }

    fn below(self, owner: &str, module: &str) -> Self {
        if owner == module {
            self
        } else {
            self.with_segment(owner)
        }
    }

    fn with_segment(mut self, text: &str) -> Self {
        self.key = match self.key {
            Keyed::Key(key) => Keyed::Key(key.segment(text)),
            other => other,
        };
        self
    }

    /// Sets a key that the function's own expression returned.
    #[must_use]
    pub fn key_expr(mut self, key: impl IntoKey) -> Self {
        self.key = Keyed::Key(key.into_key());
        self
    }

    /// Renders the pattern at an index.
    #[must_use]
    pub fn invalidates(mut self, index: usize, parts: &[&dyn PatternPart]) -> Self {
        self.patterns.render(index, parts);
        self
    }

    /// Adds what an expression of `invalidates` names.
    #[must_use]
    pub fn removes(mut self, names: impl Removable) -> Self {
        self.patterns.give(names);
        self
    }

    /// Renders the tag at an index.
    #[must_use]
    pub fn tag(mut self, index: usize, parts: &[&dyn PatternPart]) -> Self {
        self.tags.render(index, parts);
        if self.tags.are_too_many() {
            // Without some of its tags, the entry could not be removed by them.
            self.key = Keyed::Unkeyable;
        }
        self
    }

    /// Adds the tags that an expression returned.
    #[must_use]
    pub fn tags<T: Into<Tag>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.give_tags(tags);
        self
    }

    /// Returns the key. If an argument cannot be part of a key, returns one that is never stored.
    #[must_use]
    pub fn into_key(self) -> CacheKey {
        match self.key {
            Keyed::Key(key) => key,
            Keyed::Nothing | Keyed::Unkeyable => CacheKey::unkeyable(),
        }
    }

    /// Removes the key. If it cannot be rendered, removes everything that begins with the literal beginning of its
    /// template.
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
        cache.remove_and_count(vec![pattern]).await
    }

    /// Removes everything that the keys of this function can begin with.
    pub async fn invalidate_all(self) -> Invalidation {
        let every = self.site.template.as_ref().map(Template::every_key);
        let patterns = every.into_iter().collect();
        self.used_cache().remove_and_count(patterns).await
    }

    pub(crate) fn used_cache(&self) -> Cache {
        self.borrowed_cache().clone()
    }

    /// The same for a hit, which does not count references: all threads would write to that count.
    pub(crate) fn borrowed_cache(&self) -> &Cache {
        match &self.cache {
            Some(cache) => cache,
            None => global::cache(),
        }
    }

    pub(crate) fn about(&self) -> About {
        About {
            site: self.site,
            public: self.public,
        }
    }

    /// Whether a caller with credentials may have to get another answer than the one stored at the key (RFC 9111,
    /// section 3.5).
    pub(crate) fn ignores_credentials(&self) -> bool {
        !self.holds_caller && !self.public && !self.site.varies_by_authorization()
    }

    pub(crate) fn used_ttl(&self) -> Ttl {
        match self.tags.are_too_many() {
            true => Ttl::Fixed(Duration::ZERO),
            false => self.ttl.unwrap_or(self.site.ttl),
        }
    }

    /// Gives access to the patterns and tags that depend on the result.
    pub(crate) fn result_patterns(&mut self) -> ResultPatterns<'_> {
        ResultPatterns {
            site: self.site,
            patterns: &mut self.patterns,
            tags: &mut self.tags,
            ttl: &mut self.ttl,
        }
    }
}

/// Fills in what depends on the function's result: patterns, tags and the TTL.
#[derive(Debug)]
pub struct ResultPatterns<'a> {
    site: &'static Site,
    patterns: &'a mut Rendered,
    tags: &'a mut Rendered,
    ttl: &'a mut Option<Ttl>,
}

impl ResultPatterns<'_> {
    /// Sets the TTL.
    pub fn ttl(&mut self, ttl: Ttl) {
        *self.ttl = Some(ttl);
    }

    /// Renders the pattern at an index.
    pub fn invalidates(&mut self, index: usize, parts: &[&dyn PatternPart]) {
        self.patterns.render(index, parts);
    }

    /// Adds what an expression of `invalidates` names.
    pub fn removes(&mut self, names: impl Removable) {
        if !self.patterns.give_within_bounds(names) {
            self.site.warn_of_bounds();
        }
    }

    /// Renders the tag at an index.
    pub fn tag(&mut self, index: usize, parts: &[&dyn PatternPart]) {
        self.tags.render(index, parts);
    }

    /// Adds the tags that an expression returned.
    pub fn tags<T: Into<Tag>>(&mut self, tags: impl IntoIterator<Item = T>) {
        self.tags.give_tags(tags);
    }
}

/// The text of an argument, rendered before the body takes the argument.
#[derive(Debug)]
pub struct KeyText {
    text: Result<String, NotAKey>,
    elements: Option<Vec<String>>,
}

impl KeyText {
    /// The text of an argument.
    pub fn of(part: &dyn PatternPart) -> Self {
        const ONLY: Template = Template::new(&["", ""]);
        Self {
            text: ONLY.render(&[part]).map(|key| key.as_str().to_owned()),
            elements: part.elements(),
        }
    }
}

impl KeyPart for KeyText {
    fn write_to(&self, out: &mut crate::key::KeyWriter) -> Result<(), NotAKey> {
        match &self.text {
            Ok(text) => {
                out.rendered(text);
                Ok(())
            }
            Err(why) => Err(why.clone()),
        }
    }
}

impl PatternPart for KeyText {
    fn elements(&self) -> Option<Vec<String>> {
        self.elements.clone()
    }
}
