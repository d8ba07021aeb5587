//! The texts of `invalidates` and `tags`.

use crate::template::Template;

/// Reads a pattern of `invalidates`: a prefix, a key, a text with `*`, or `#` and a tag.
pub(crate) fn invalidated(text: &str, names: &[String]) -> Result<Template, String> {
    if let Some(tag) = text.strip_prefix('#') {
        return tagged(tag, names, |c| c == '*');
    }
    if text.is_empty() {
        return Err("the pattern is empty; to remove everything, call `Cache::clear`".into());
    }
    let template = Template::split(text)?;
    template.refuse_meant_braces(names)?;
    refuse_other_wildcards(&template)?;
    template.refuse_reserved("a pattern", |c| c == '*')?;
    refuse_longer_values(&template)?;
    refuse_unbounded_widening(&template)?;
    template.refuse_joined_values()?;
    Ok(template)
}

/// Reads a text of `tags`. It is written without `#`, but the template that is returned begins with it.
pub(crate) fn tag(text: &str, names: &[String]) -> Result<Template, String> {
    if text.is_empty() {
        return Err("the tag is empty".into());
    }
    if text.starts_with('#') {
        return Err(format!(
            "write a tag without `#` here: `{}`",
            text.trim_start_matches('#')
        ));
    }
    tagged(text, names, |_| false)
}

/// Reads a tag without its `#`, and returns it with `#`.
fn tagged(
    text: &str,
    names: &[String],
    allowed: impl Fn(char) -> bool,
) -> Result<Template, String> {
    let mut template = Template::split(text)?;
    template.refuse_meant_braces(names)?;
    template.refuse_reserved("a tag", allowed)?;
    refuse_inner_star(&template)?;
    refuse_longer_values(&template)?;
    refuse_unbounded_widening(&template)?;
    template.refuse_joined_values()?;
    if let Some(first) = template.literals.first_mut() {
        first.insert(0, '#');
    }
    Ok(template)
}

/// Refuses the wildcards of other tools. Here they would be literal text, and no key contains them.
fn refuse_other_wildcards(template: &Template) -> Result<(), String> {
    match template
        .literals
        .iter()
        .flat_map(|literal| literal.chars())
        .find(|c| matches!(c, '?' | '[' | ']'))
    {
        Some(c) => Err(format!(
            "`{c}` is not a wildcard; the only one is `*`, which matches any text"
        )),
        None => Ok(()),
    }
}

/// Refuses `*` within a tag. Tags are looked up by their beginning, so `*` can only stand at the end.
fn refuse_inner_star(template: &Template) -> Result<(), String> {
    let text = template.literals.join("<>");
    match text.trim_end_matches('*').contains('*') {
        true => Err(
            "in a tag, `*` is allowed only at the end; it then means every tag with this beginning"
                .into(),
        ),
        false => Ok(()),
    }
}

/// Refuses `*` directly after a placeholder: it would match the values that begin with that one.
fn refuse_longer_values(template: &Template) -> Result<(), String> {
    let after = template.literals.iter().skip(1);
    let mut values = template.placeholders.iter().zip(after);
    match values.find(|(_, literal)| literal.starts_with('*')) {
        Some((value, _)) => Err(format!(
            "`*` right after `<{value}>` also matches longer values: those of 10 where `<{value}>` is 1\n\
             help: without `*`, a pattern covers the key and everything below it; `<{value}>:*` covers what is below it"
        )),
        None => Ok(()),
    }
}

/// Refuses a pattern that begins with a placeholder. If the value is not known, because the caller was
/// cancelled or the body panicked, everything is removed that begins with the text before the placeholder.
/// Without such text, that would be the whole cache.
fn refuse_unbounded_widening(template: &Template) -> Result<(), String> {
    let [before, ..] = template.literals.as_slice() else {
        return Ok(());
    };
    match template.placeholders.first() {
        Some(first) if before.trim_matches(['*', ':', '=']).is_empty() => Err(format!(
            "the pattern has no text before `<{first}>`\n\
             help: begin with text, as in `jobs:<{first}>`: if the value is not known, \
             because the body panicked or its caller went away, everything that begins with that text is removed"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_keys_globs_and_tags_are_patterns() {
        for text in [
            "jobs:",
            "jobs:stats",
            "user:<id>:*",
            "*:roles",
            "*:list:*",
            "#author:<id>",
            "#author:*",
        ] {
            assert!(invalidated(text, &[]).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, reason) in [
            ("", "Cache::clear"),
            ("jobs:?", "not a wildcard"),
            ("jobs:[ab]", "not a wildcard"),
            ("jobs list", "a space"),
            ("jobs:%2A", "escapes"),
            ("<id>:jobs", "has no text before `<id>`"),
            ("*:<id>", "has no text before `<id>`"),
            ("#<id>", "has no text before `<id>`"),
            ("user:<id>*", "also matches longer values"),
            ("user:<id>*:roles", "also matches longer values"),
            ("#author:<id>*", "also matches longer values"),
            ("##author", "reserved for tags"),
            ("#*:7", "only at the end"),
        ] {
            let error = invalidated(text, &[]).err().unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_tag_carries_its_mark() {
        let template = tag("author:<id>", &[]).unwrap_or_default();
        assert_eq!(template.literals, ["#author:", ""]);
    }
}
