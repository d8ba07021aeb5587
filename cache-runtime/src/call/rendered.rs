//! The patterns or tags of a call: of templates, and of expressions.

use std::ops::Range;

use crate::call::site::Site;
use crate::key::{Elements, Pattern, PatternPart, PatternTemplate, Removable, Tag};

/// The patterns or tags of a call. Some may depend on the result.
#[derive(Debug)]
pub(crate) struct Rendered {
    templates: &'static [PatternTemplate],
    /// The rendered patterns, at the positions of `templates`; shorter, or with gaps, while some are not rendered.
    rendered: Vec<Option<Pattern>>,
    /// The patterns of the elements of lists, with the positions of their templates: for every element its own, or one for
    /// all if there are too many.
    elements: Vec<(usize, Pattern)>,
    /// How many combinations of elements one template may have.
    most: usize,
    /// A template had more.
    too_many: bool,
    /// What expressions returned, besides the templates.
    given: Vec<Pattern>,
    /// An expression depends on the result, which is not known yet.
    open: bool,
    /// How many of the templates are patterns or tags themselves. The others cover what the open expression may return.
    own: usize,
}

/// A removal by lists with more combinations than this covers everything that starts with the text before the lists. Each
/// pattern takes a place in the ledger, and two round trips in the background, which delete what it covers. The same holds for
/// the patterns of expressions: more become what bounds them.
const MOST_COMBINATIONS: usize = 128;

/// If expressions without bounds return more patterns than this, everything is removed, so that a removal ends in its budget.
const MOST_GIVEN: usize = 1_000;

/// A value that would get more tags than this from lists is not stored.
const MOST_TAGS: usize = 10_000;

impl Rendered {
    /// What a call of this function removes.
    pub(super) fn removals(site: &Site) -> Self {
        let (open, own) = (site.bounds_from.is_some(), site.bounds_from);
        Self::of(site.invalidates, open, own, MOST_COMBINATIONS)
    }

    /// The tags of its entry.
    pub(super) fn tags(site: &Site) -> Self {
        Self::of(site.tags, site.result_tags, None, MOST_TAGS)
    }

    fn of(
        templates: &'static [PatternTemplate],
        open: bool,
        own: Option<usize>,
        most: usize,
    ) -> Self {
        Self {
            templates,
            rendered: Vec::new(),
            elements: Vec::new(),
            most,
            too_many: false,
            given: Vec::new(),
            open,
            own: own.unwrap_or(templates.len()),
        }
    }

    /// Adds the tags that an expression returned.
    pub(super) fn give_tags<T: Into<Tag>>(&mut self, tags: impl IntoIterator<Item = T>) {
        let tags = tags.into_iter().map(|tag| tag.into().into());
        self.given.extend(tags);
        self.open = false;
    }

    /// Adds what an expression names that has no bounds, because it is known before the body.
    pub(super) fn give(&mut self, names: impl Removable) {
        let mut named = Vec::new();
        names.add_to(&mut named);
        self.add_given(named);
    }

    /// Adds what an expression names that was not known before the body. Returns whether its bounds cover all of it.
    pub(super) fn give_within_bounds(&mut self, names: impl Removable) -> bool {
        let mut named = Vec::new();
        names.add_to(&mut named);
        self.open = false;
        let bounds = self.bounds();
        let is_outside = |pattern: &Pattern| !bounds.iter().any(|bound| bound.covers(pattern));
        let are_within = !named.iter().any(is_outside);
        if named.len() > MOST_COMBINATIONS {
            named.retain(is_outside);
            named.extend_from_slice(&bounds);
        }
        self.add_given(named);
        are_within
    }

    fn add_given(&mut self, named: Vec<Pattern>) {
        match named.len() > MOST_GIVEN {
            true => self.given.push(Pattern::all()),
            false => self.given.extend(named),
        }
    }

    /// Renders the template at an index.
    pub(super) fn render(&mut self, index: usize, parts: &[&dyn PatternPart]) {
        if let Some(template) = self.templates.get(index) {
            if self.rendered.len() <= index {
                self.rendered.resize(index + 1, None);
            }
            self.rendered[index] = Some(template.render(parts));
            let elements = match template.render_elements(parts, self.most) {
                Elements::All(elements) => elements,
                Elements::TooMany(covering) => {
                    self.too_many = true;
                    vec![covering]
                }
            };
            self.elements.retain(|(at, _)| *at != index);
            self.elements
                .extend(elements.into_iter().map(|pattern| (index, pattern)));
        }
    }

    /// Whether a template had more combinations of elements than it may have.
    pub(super) fn are_too_many(&self) -> bool {
        self.too_many
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.templates.is_empty() && self.given.is_empty() && !self.open
    }

    /// All patterns. One that was not rendered is widened to its literal beginning.
    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        let mut patterns = self.filled_in(0..self.own);
        if self.open {
            patterns.extend(self.bounds());
        }
        patterns.extend_from_slice(&self.given);
        patterns
    }

    /// What covers all that an expression may return.
    fn bounds(&self) -> Vec<Pattern> {
        self.filled_in(self.own..self.templates.len())
    }

    fn filled_in(&self, positions: Range<usize>) -> Vec<Pattern> {
        let rendered = |at: usize| self.rendered.get(at).cloned().flatten();
        let elements = self.elements.iter();
        let elements = elements.filter(|(at, _)| positions.contains(at));
        positions
            .clone()
            .filter_map(|at| Some((at, self.templates.get(at)?)))
            .map(|(at, template)| rendered(at).unwrap_or_else(|| template.widened()))
            .chain(elements.map(|(_, pattern)| pattern.clone()))
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
        if self.open {
            // It may get any tag.
            open.push(String::new());
        }
        (known, open)
    }
}
