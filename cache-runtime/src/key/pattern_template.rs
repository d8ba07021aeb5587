//! Patterns and tags with placeholders, as functions write them: `job:<id>`, `#author:<result.author>`.

use crate::key::elements::PatternPart;
use crate::key::pattern::Pattern;
use crate::key::writer::KeyWriter;

/// A pattern with placeholders, stored as the literals between them.
#[derive(Clone, Copy, Debug)]
pub struct PatternTemplate {
    literals: &'static [&'static str],
}

impl PatternTemplate {
    /// Creates a template from literals, with a placeholder between each two.
    #[must_use]
    pub const fn new(literals: &'static [&'static str]) -> Self {
        Self { literals }
    }

    /// The pattern for these values, one for each placeholder.
    ///
    /// If a value cannot be rendered or is missing, the pattern covers everything that starts with the text before it.
    /// A value can produce neither `*` nor `#` nor `:`: those in the result come from the template.
    #[must_use]
    pub fn render(&self, parts: &[&dyn PatternPart]) -> Pattern {
        match self.text(parts, &[]) {
            Ok(text) => Pattern::classify(&text),
            Err(before) => Pattern::widen(&before),
        }
    }

    /// Further patterns, where values are lists: for each list its elements and the list itself, for several lists every
    /// combination. If that would be more than `bound`, one pattern covers everything that starts with the text before the
    /// first list.
    pub(crate) fn render_elements(&self, parts: &[&dyn PatternPart], bound: usize) -> Elements {
        let Some((first, lists)) = lists_in(parts) else {
            return Elements::All(Vec::new());
        };
        let lengths = lists.iter().flatten().map(Vec::len);
        let combinations = lengths.fold(1_usize, usize::saturating_mul);
        if combinations > bound {
            let before = PatternTemplate::new(&self.literals[..=first]);
            let text = before.text(&parts[..first], &[]);
            return Elements::TooMany(Pattern::widen(&text.unwrap_or_else(|before| before)));
        }
        let chosen = |mut number: usize| -> Vec<Option<&str>> {
            let mut texts = Vec::with_capacity(lists.len());
            for list in &lists {
                texts.push(list.as_ref().map(|list| {
                    let text = &list[number % list.len()];
                    number /= list.len();
                    text.as_str()
                }));
            }
            texts
        };
        let patterns = (0..combinations)
            .filter_map(|number| self.text(parts, &chosen(number)).ok())
            .map(|text| Pattern::classify(&text));
        Elements::All(patterns.collect())
    }

    /// The text with these values; `chosen` has another text for some of them. If a value is missing or cannot be rendered,
    /// the error is the text before it.
    fn text(&self, parts: &[&dyn PatternPart], chosen: &[Option<&str>]) -> Result<String, String> {
        let mut out = KeyWriter::with_capacity(64);
        for (i, literal) in self.literals.iter().enumerate() {
            if let Some(at) = i.checked_sub(1) {
                let before = out.len();
                let written = match (chosen.get(at), parts.get(at)) {
                    (Some(Some(text)), _) => {
                        out.rendered(text);
                        true
                    }
                    (_, Some(part)) => part.write_to(&mut out).is_ok(),
                    (_, None) => false,
                };
                if !written {
                    let mut text = out.finish();
                    text.truncate(before);
                    return Err(text);
                }
            }
            out.literal(literal);
        }
        Ok(out.finish())
    }

    /// A pattern that covers everything that the template could cover with any values.
    #[must_use]
    pub fn widened(&self) -> Pattern {
        self.render(&[])
    }
}

/// The result of [`PatternTemplate::render_elements`].
#[derive(Debug)]
pub(crate) enum Elements {
    /// One pattern for each combination.
    All(Vec<Pattern>),
    /// There are too many combinations. The pattern covers them all, and more.
    TooMany(Pattern),
}

/// The texts that each list among the values stands for: those of its elements, and its own. Also the position of the first
/// list. `None` if there is no list; then nothing is allocated, because tags are rendered for each hit.
fn lists_in(parts: &[&dyn PatternPart]) -> Option<(usize, Vec<Option<Vec<String>>>)> {
    let mut found: Option<(usize, Vec<Option<Vec<String>>>)> = None;
    for (at, part) in parts.iter().enumerate() {
        let Some(mut texts) = part.elements() else {
            continue;
        };
        let mut whole = KeyWriter::with_capacity(16);
        if part.write_to(&mut whole).is_ok() {
            texts.push(whole.finish());
        }
        let (_, lists) = found.get_or_insert_with(|| (at, vec![None; parts.len()]));
        lists[at] = Some(texts);
    }
    found
}
