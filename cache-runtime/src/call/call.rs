//! One call of a cached function: its key, and what it will remove, rendered before the body takes the arguments.

use crate::cache::Cache;
use crate::cache::global;
use crate::call::site::{About, Site};
use crate::key::{CacheKey, Instance, KeyPart, NotAKey, Pattern, PatternTemplate, Tag, Template};
use crate::telemetry::invalidation::Invalidation;
use crate::ttl::Ttl;

/// One call: its key, and what it will remove, rendered before the body takes the arguments.
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
    /// What an expression gives beside the templates.
    given: Given,
}

/// Tags that an expression gives, however many.
#[derive(Debug)]
enum Given {
    /// None, or these.
    Known(Vec<String>),
    /// Only the result tells.
    Open,
}

impl Site {
    /// Begins a call.
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
            patterns: Rendered::of(site.invalidates, false),
            tags: Rendered::of(site.tags, site.late_tags),
        }
    }

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

    /// Its key holds an argument that tells who asks, or not.
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

    /// Adds to the key what the function's surroundings are generic over, if they are: two instances of a method share no
    /// entry. It comes last, so that a removal of everything below any part of the key still covers it.
    #[must_use]
    pub fn of(self, instance: Instance) -> Self {
        match instance.generic_over() {
            None => self,
            Some(over) => {
                self.site.tell_of_instances(over);
                self.with_segment(over)
            }
        }
    }

    /// Adds to an automatic key, which begins with the module's path, the type that the function belongs to, if it is a
    /// method: the methods of two types can have one name.
    #[must_use]
    pub fn within(self, instance: Instance, module: &str) -> Self {
        self.below(instance.owner(), module)
    }

    /// The same for a method of which `skip(Self)` says that its instances share their entries.
    #[must_use]
    pub fn within_any(self, instance: Instance, module: &str) -> Self {
        self.below(instance.written().unwrap_or(module), module)
    }

    /// Adds to an automatic key the function that its own is local to, if it is. `site`: the name of a function of its
    /// companions, whose `impl` stands beside it.
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

    /// Adds the tags that an expression gives.
    #[must_use]
    pub fn tags<T: Into<Tag>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.give(tags);
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
        cache.remove_and_count(vec![pattern]).await
    }

    /// Removes everything that a key of this function could begin with.
    pub async fn invalidate_all(self) -> Invalidation {
        let every = self.site.template.as_ref().map(Template::every_key);
        let patterns = every.into_iter().collect();
        self.used_cache().remove_and_count(patterns).await
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
        !self.holds_caller && !self.public && !self.site.varies_by_authorization()
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

    /// Adds the tags that an expression gives.
    pub fn tags<T: Into<Tag>>(&mut self, tags: impl IntoIterator<Item = T>) {
        self.tags.give(tags);
    }
}

impl Rendered {
    fn of(templates: &'static [PatternTemplate], late: bool) -> Self {
        let given = if late {
            Given::Open
        } else {
            Given::Known(Vec::new())
        };
        Self {
            templates,
            rendered: Vec::new(),
            given,
        }
    }

    fn give<T: Into<Tag>>(&mut self, tags: impl IntoIterator<Item = T>) {
        let tags = tags.into_iter().map(|tag| tag.into().as_str().to_owned());
        self.given = Given::Known(tags.collect());
    }

    fn render(&mut self, index: usize, parts: &[&dyn KeyPart]) {
        if let Some(template) = self.templates.get(index) {
            if self.rendered.len() <= index {
                self.rendered.resize(index + 1, None);
            }
            self.rendered[index] = Some(template.render(parts));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let gives_none = matches!(&self.given, Given::Known(given) if given.is_empty());
        self.templates.is_empty() && gives_none
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
        if self.is_empty() {
            return (known, open);
        }
        for pattern in self.patterns() {
            match pattern {
                Pattern::Tag(tag) => known.push(tag),
                Pattern::TagPrefix(tag) => open.push(tag),
                _ => {}
            }
        }
        match &self.given {
            Given::Known(tags) => known.extend_from_slice(tags),
            // It may come to carry any.
            Given::Open => open.push(String::new()),
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
