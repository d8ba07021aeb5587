//! A text with placeholders: a key, a tag, or a pattern, as far as the source shows it.

use std::fmt::{self, Display};

use crate::ctl::map::shape::{ANY, MARKS, NUMBER, Shape, VALUE};

/// A text, and the names of its placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// With one of the [`MARKS`] at each placeholder.
    pub(super) marked: String,
    /// The names of the placeholders, in order.
    pub(super) names: Vec<String>,
}

impl Text {
    /// A text without placeholders.
    pub(super) fn literal(text: &str) -> Self {
        Self {
            marked: text.to_owned(),
            names: Vec::new(),
        }
    }

    /// Any text, under this name.
    pub(super) fn any(name: String) -> Self {
        Self {
            marked: ANY.to_string(),
            names: vec![name],
        }
    }

    /// Splits a template of the attribute at its placeholders, as the attribute does: a `<` always begins one, also after
    /// a backslash.
    ///
    /// # Errors
    ///
    /// A placeholder is not closed, not opened, or empty. The attribute refuses the same texts.
    pub(super) fn template(text: &str) -> Result<Self, String> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find(['<', '>']) {
            let (literal, from) = rest.split_at(at);
            let inside = from
                .strip_prefix('<')
                .ok_or_else(|| format!("`{text}` contains a `>` without a `<` before it"))?;
            let (name, after) = inside
                .split_once('>')
                .filter(|(name, _)| !name.contains('<'))
                .ok_or_else(|| format!("the placeholder `{from}` is not closed"))?;
            if name.trim().is_empty() {
                return Err(format!("`{text}` contains a placeholder without a name"));
            }
            template.marked.push_str(literal);
            template.marked.push(VALUE);
            template.names.push(name.trim().to_owned());
            rest = after;
        }
        template.marked.push_str(rest);
        Ok(template)
    }

    /// The same, knowing which placeholders are whole numbers.
    pub(super) fn with_numbers(self, is_number: impl Fn(&str) -> bool) -> Self {
        let mut names = self.names.iter();
        let marked = self.marked.chars().map(|c| match c {
            VALUE if names.next().is_some_and(|name| is_number(name)) => NUMBER,
            NUMBER | ANY => {
                names.next();
                c
            }
            c => c,
        });
        Self {
            marked: marked.collect(),
            names: self.names.clone(),
        }
    }

    pub(super) fn shape(&self) -> Shape {
        Shape::of(&self.marked)
    }

    /// The text before the first placeholder.
    pub(super) fn beginning(&self) -> &str {
        self.marked.split(MARKS).next().unwrap_or_default()
    }

    /// A pattern that covers every key of this template, as the companion `invalidate_all` removes them: what begins like
    /// it, or a glob if there is text after a placeholder.
    pub(super) fn every_key(&self) -> Shape {
        let mut parts = self.marked.split(MARKS);
        let (first, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
        if rest.is_empty() {
            return self.shape().or_below();
        }
        let any = ANY.to_string();
        match rest.iter().all(|text| matches!(*text, "" | ":")) {
            true => Shape::of(&format!("{first}{any}")),
            false => Shape::of(&format!("{first}{any}{}{any}", rest.join(&any))),
        }
    }
}

/// As a template is written: with `<name>` at each placeholder.
impl Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.names.iter();
        for c in self.marked.chars() {
            match (c, names.as_slice().first()) {
                (VALUE | NUMBER | ANY, Some(name)) => {
                    names.next();
                    write!(f, "<{name}>")?;
                }
                (VALUE | NUMBER | ANY, None) => f.write_str("<…>")?,
                (c, _) => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ctl::map::shape::Covered;
    use crate::key::Pattern;

    #[test]
    fn a_template_is_shown_as_it_is_written() {
        for text in [
            "jobs:list:<page.skip>:<limit>",
            "jobs",
            "größe:<q.trim()>:東京",
            r"a\:b:<x>",
            "",
        ] {
            let template = Text::template(text).unwrap();
            assert_eq!(template.to_string(), text);
        }
        let spaced = Text::template("jobs:< skip >").unwrap();
        assert_eq!(spaced.to_string(), "jobs:<skip>");
        assert_eq!(spaced.beginning(), "jobs:");
    }

    #[test]
    fn a_backslash_escapes_nothing_as_in_the_attribute() {
        let template = Text::template(r"a\<x>:b").unwrap();
        assert_eq!(template.names, ["x"]);
        assert_eq!(template.beginning(), r"a\");
    }

    #[test]
    fn numbers_are_marked_by_their_names() {
        let template = Text::template("a:<id>:<x>:<id>").unwrap();
        let numbered = template.clone().with_numbers(|name| name == "id");
        assert_eq!(numbered.to_string(), template.to_string());
        let marks: Vec<char> = numbered
            .marked
            .chars()
            .filter(|c| MARKS.contains(c))
            .collect();
        assert_eq!(marks, [NUMBER, VALUE, NUMBER]);
        assert_eq!(numbered.beginning(), "a:");
    }

    #[test]
    fn what_the_attribute_refuses_says_why() {
        for (text, why) in [
            ("a<b", "is not closed"),
            ("a>b", "without a `<`"),
            ("a<b<c>>", "is not closed"),
            ("a< >", "without a name"),
        ] {
            let error = Text::template(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn every_key_is_what_the_companion_removes() {
        for (template, pattern) in [
            ("jobs:list:<a>:<b>", "jobs:list:"),
            ("user:<id>:roles", "user:*:roles*"),
            ("jobs:all", "jobs:all"),
        ] {
            let shape = Text::template(template).unwrap().every_key();
            let expected = Covered::of(&Pattern::parse(pattern).unwrap());
            assert_eq!(Covered::Keys(shape), expected, "{template}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), other in "[<>:a*\u{e000}\u{e001}\u{e002}]{0,12}") {
            for text in [&text, &other] {
                if let Ok(template) = Text::template(text) {
                    let _ = (template.to_string(), template.every_key().meets(&template.shape()));
                }
            }
        }
    }
}
