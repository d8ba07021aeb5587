//! The template of a key, known at compile time.

use crate::key::cache_key::CacheKey;
use crate::key::hash::{HASH_START, PLACEHOLDER, hash_text};
use crate::key::part::KeyPart;
use crate::key::pattern::Pattern;
use crate::key::writer::{KeyWriter, NotAKey};

/// A template with its literals split at the placeholders:
/// `jobs:list:<skip>:<limit>` is `["jobs:list:", ":", ""]`.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    literals: &'static [&'static str],
    hash: u64,
}

impl Template {
    /// Creates a template from literals, with a placeholder between each two.
    #[must_use]
    pub const fn new(literals: &'static [&'static str]) -> Self {
        let mut hash = HASH_START;
        let mut i = 0;
        while i < literals.len() {
            if i > 0 {
                hash = hash_text(hash, PLACEHOLDER);
            }
            hash = hash_text(hash, literals[i]);
            i += 1;
        }
        Self { literals, hash }
    }

    /// The key for these values, one for each placeholder.
    ///
    /// # Errors
    ///
    /// A value cannot be distinguished from others by its text.
    pub fn render(&self, parts: &[&dyn KeyPart]) -> Result<CacheKey, NotAKey> {
        if parts.len() + 1 != self.literals.len() {
            return Err(NotAKey::because(
                "a template needs exactly one value for each placeholder",
            ));
        }
        let literal_bytes: usize = self.literals.iter().map(|text| text.len()).sum();
        let mut out = KeyWriter::with_capacity(literal_bytes + parts.len() * USUAL_VALUE);
        out.literal(self.literals[0]);
        for (part, literal) in parts.iter().zip(&self.literals[1..]) {
            part.write_to(&mut out)?;
            out.literal(literal);
        }
        Ok(CacheKey::rendered(out.finish(), self.hash))
    }

    /// The text that every key of this template starts with.
    #[must_use]
    pub fn literal_prefix(&self) -> &'static str {
        self.literals.first().copied().unwrap_or_default()
    }

    /// A pattern that covers every key of this template, and as few others as possible.
    #[must_use]
    pub(crate) fn every_key(&self) -> Pattern {
        match self.literals {
            [] => Pattern::starred("*"),
            [whole] => Pattern::Subtree((*whole).to_owned()),
            // A prefix is cheaper than a glob: prefixes are looked up, globs are tried one by one.
            [first, rest @ ..] if rest.iter().all(|text| matches!(*text, "" | ":")) => {
                Pattern::Prefix((*first).to_owned())
            }
            // The key may end with the type that its function is generic over.
            all => Pattern::starred(&format!("{}*", all.join("*"))),
        }
    }

    /// The hash that distinguishes entries of this template from those of another one with the same text.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

/// The space reserved for one value, to avoid a second allocation.
const USUAL_VALUE: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Template = Template::new(&["jobs:list:", ":", ""]);

    fn hash(literals: &'static [&'static str]) -> u64 {
        Template::new(literals).hash()
    }

    #[test]
    fn renders_values_between_literals() {
        let key = LIST.render(&[&0_u32, &20_u32]).unwrap();
        assert_eq!(key.as_str(), "jobs:list:0:20");
        assert_eq!(key.template(), LIST.hash());
        assert_eq!(LIST.literal_prefix(), "jobs:list:");
    }

    #[test]
    fn what_covers_every_key_covers_little_else() {
        const ROLES: Template = Template::new(&["user:", ":roles"]);
        for (template, pattern) in [
            (LIST, "jobs:list:"),
            (ROLES, "user:*:roles*"),
            (Template::new(&["p", ":pp", ""]), "p*:pp*"),
            (Template::new(&["jobs:all"]), "jobs:all"),
        ] {
            assert_eq!(template.every_key().to_string(), pattern);
        }
        let key = ROLES.render(&[&7]).unwrap();
        for key in [key.clone(), key.segment("app::Repo<u8>")] {
            let covered = ROLES.every_key().matches(key.as_str(), &[] as &[&str]);
            assert!(covered, "{key}");
        }
    }

    #[test]
    fn wants_one_value_for_each_placeholder() {
        LIST.render(&[&1]).unwrap_err();
        LIST.render(&[&1, &2, &3]).unwrap_err();
        Template::new(&[]).render(&[]).unwrap_err();
        assert_eq!(
            Template::new(&["jobs:all"]).render(&[]).unwrap().as_str(),
            "jobs:all"
        );
    }

    #[test]
    fn hash_tells_templates_apart_by_their_literals() {
        assert_eq!(hash(&["user:", ""]), hash(&["user:", ""]));
        assert_ne!(hash(&["article:", ""]), hash(&["article:latest"]));
        assert_ne!(hash(&["a", "b", ""]), hash(&["a", "", "b"]));
        assert_ne!(hash(&["ab"]), hash(&["a", "b"]));
        assert_ne!(hash(&[]), 0);
    }

    #[test]
    fn hash_is_the_same_in_every_build() {
        // Two builds must agree on these hashes; a change here is a new format.
        assert_eq!(hash(&["user:", ""]), hash_text(HASH_START, "user:<>"));
        assert_eq!(hash_text(HASH_START, "a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn a_value_that_is_no_key_fails_the_key() {
        let error = LIST.render(&[&f64::NAN, &1]).unwrap_err();
        assert!(
            error.to_string().starts_with("NaN cannot be part of a key"),
            "{error}"
        );
    }
}
