//! Templates: splits `jobs:list:<skip>:<limit>` into literals and placeholders.

pub(crate) mod pattern;
pub(crate) mod placeholder;

/// Literals and placeholders in turn. A template begins and ends with a literal, which may be empty, so it
/// has one literal more than placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) literals: Vec<String>,
    pub(crate) placeholders: Vec<String>,
}

impl Template {
    /// Reads the template of a key. `names` are the names of the arguments: braces around one of them were
    /// meant as a placeholder.
    pub(crate) fn key(text: &str, names: &[String]) -> Result<Self, String> {
        let template = Self::split(text)?;
        template.refuse_meant_braces(names)?;
        template.refuse_reserved("a key", |_| false)?;
        if text.is_empty() {
            return Err(
                "the key is empty; begin it with the name of what is cached, as in `jobs:list`"
                    .into(),
            );
        }
        template.refuse_joined_values()?;
        Ok(template)
    }

    /// Splits the text at its placeholders.
    pub(crate) fn split(text: &str) -> Result<Self, String> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find(['<', '>']) {
            let (literal, from) = rest.split_at(at);
            if from.starts_with('>') {
                return Err(format!("`{text}` contains a `>` without a `<` before it"));
            }
            let inside = &from[1..];
            let end = match inside.find(['<', '>']) {
                Some(end) if inside[end..].starts_with('>') => end,
                _ => {
                    return Err(format!(
                        "the placeholder `{from}` is not closed; end it with `>`"
                    ));
                }
            };
            let placeholder = inside[..end].trim();
            if placeholder.is_empty() {
                return Err(format!(
                    "`{text}` contains a placeholder without a name; write `<name>`"
                ));
            }
            template.literals.push(literal.to_owned());
            template.placeholders.push(placeholder.to_owned());
            rest = &inside[end + 1..];
        }
        template.literals.push(rest.to_owned());
        Ok(template)
    }

    /// Refuses the name of an argument in braces. `{skip}` is literal text here, but in `format!` it is a
    /// placeholder, so the author probably meant `<skip>`.
    pub(crate) fn refuse_meant_braces(&self, names: &[String]) -> Result<(), String> {
        for literal in &self.literals {
            for (at, _) in literal.match_indices('{') {
                let inside = &literal[at + 1..];
                let Some(end) = inside.find('}') else {
                    continue;
                };
                let inside = &inside[..end];
                let word = inside
                    .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next();
                let name = word.and_then(|word| names.iter().find(|name| *name == word));
                if let Some(name) = name {
                    let access = inside.split(':').next().unwrap_or(name).trim();
                    return Err(format!(
                        "`{{{inside}}}` is literal text in a template\n\
                         help: a placeholder is written `<{access}>`"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Refuses characters that have a meaning of their own in keys and patterns, except those that
    /// `allowed` accepts.
    pub(crate) fn refuse_reserved(
        &self,
        place: &str,
        allowed: impl Fn(char) -> bool,
    ) -> Result<(), String> {
        let mut text = self.literals.iter().flat_map(|literal| literal.chars());
        match text.find_map(|c| {
            if allowed(c) {
                None
            } else {
                reserved(c).map(|why| (c, why))
            }
        }) {
            Some((c, why)) if c.is_control() || c.is_whitespace() => {
                Err(format!("{} in the text of {place}: {why}", spelled(c)))
            }
            Some((c, why)) => Err(format!("`{c}` in the text of {place}: {why}")),
            None => Ok(()),
        }
    }

    /// Refuses two values without a separator between them: `<a><b>` would be `123` for 1 and 23, but also
    /// for 12 and 3.
    pub(crate) fn refuse_joined_values(&self) -> Result<(), String> {
        let inner = self
            .literals
            .iter()
            .skip(1)
            .take(self.placeholders.len().saturating_sub(1));
        for (at, literal) in inner.enumerate() {
            if !literal.contains(SEPARATOR) {
                let (a, b) = (&self.placeholders[at], &self.placeholders[at + 1]);
                return Err(format!(
                    "`<{a}>{literal}<{b}>` gives one key for different values\n\
                     help: put a `:` between them, as in `<{a}>{SEPARATOR}<{b}>`: no value contains one unescaped"
                ));
            }
        }
        Ok(())
    }
}

/// The reason why a character cannot be literal text, if there is one.
fn reserved(c: char) -> Option<&'static str> {
    match c {
        '%' => Some("it is reserved for escapes"),
        '*' | '?' | '[' | ']' => Some("it is reserved for patterns"),
        '#' => Some("it is reserved for tags"),
        c if c.is_whitespace() => Some("keys with white space are hard to see and to type"),
        c if c.is_control() => Some("keys with control characters are hard to see and to type"),
        _ => None,
    }
}

/// A character that cannot be seen, in words.
fn spelled(c: char) -> String {
    match c {
        ' ' => "a space".into(),
        '\n' => "a line break".into(),
        '\t' => "a tab".into(),
        c => format!("the character U+{:04X}", u32::from(c)),
    }
}

/// Values contain this character only in escaped form, so it separates them.
const SEPARATOR: char = ':';

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<Template, String> {
        Template::key(text, &["skip".into(), "page".into()])
    }

    #[test]
    fn literals_and_placeholders_alternate() {
        let template = key("jobs:list:<skip>:<page.limit>").unwrap_or_default();
        assert_eq!(template.literals, ["jobs:list:", ":", ""]);
        assert_eq!(template.placeholders, ["skip", "page.limit"]);
        assert_eq!(
            key("jobs").map(|template| template.literals),
            Ok(vec!["jobs".into()])
        );
        assert_eq!(key("<skip>").map(|template| template.literals.len()), Ok(2));
    }

    #[test]
    fn braces_are_text_unless_a_name_is_in_them() {
        assert!(key("{b17}:jobs:<skip>").is_ok());
        for (meant, written) in [
            ("{skip}", "<skip>"),
            ("{page.limit}", "<page.limit>"),
            ("{skip:?}", "<skip>"),
        ] {
            let error = key(meant).err().unwrap_or_default();
            assert!(
                error.ends_with(&format!("is written `{written}`")),
                "{error}"
            );
        }
    }

    #[test]
    fn reserved_text_is_refused_with_its_reason() {
        for (text, reason) in [
            ("a%41", "escapes"),
            ("jobs:*", "patterns"),
            ("jobs[0]", "patterns"),
            ("#jobs", "tags"),
            ("jobs list", "a space"),
            ("jobs\u{7}", "U+0007"),
            ("", "the key is empty"),
        ] {
            let error = key(text).err().unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn unbalanced_placeholders_are_refused() {
        for text in ["<skip", "skip>", "<<skip>>", "<>", "< >"] {
            assert!(key(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_that_would_run_together_are_refused() {
        for text in ["<skip><page>", "<skip>-<page>", "a:<skip>x<page>:b"] {
            let error = key(text).err().unwrap_or_default();
            assert!(error.contains("for different values"), "{text}: {error}");
        }
        assert!(key("p<skip>:pp<page>").is_ok());
    }
}
