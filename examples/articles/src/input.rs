//! Input in the one form it can have.
//!
//! A cached function's key is made of its arguments. What asks for the same, or is the same to SQL,
//! must therefore be spelled alike before it is called.

use std::borrow::Cow;

/// Input that has one canonical form, or none because it is invalid.
pub trait Canonical: Sized {
    /// Brings it into that form.
    ///
    /// # Errors
    ///
    /// The first field that will not do.
    fn canonical(self) -> Result<Self, Invalid>;
}

/// A field whose value will not do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Its name.
    pub field: &'static str,
    /// The rest of the sentence that begins with it.
    pub problem: Cow<'static, str>,
}

impl Invalid {
    /// `field` and the rest of the sentence.
    pub fn new(field: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        let problem = problem.into();
        Self { field, problem }
    }
}

/// One line that must be there: trimmed, inner white space as single spaces.
///
/// # Errors
///
/// When it is empty or longer than `longest` characters.
pub fn line(field: &'static str, text: &str, longest: usize) -> Result<String, Invalid> {
    let words: Vec<_> = text.split_whitespace().collect();
    within(field, words.join(" "), longest)
}

/// A text of any number of lines that must be there: trimmed.
///
/// # Errors
///
/// When it is empty or longer than `longest` characters.
pub fn lines(field: &'static str, text: &str, longest: usize) -> Result<String, Invalid> {
    within(field, text.trim().to_owned(), longest)
}

fn within(field: &'static str, text: String, longest: usize) -> Result<String, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    if text.chars().count() > longest {
        let problem = format!("is longer than {longest} characters");
        return Err(Invalid::new(field, problem));
    }
    Ok(text)
}

/// A name for links: letters and digits, lower case, with a hyphen for whatever stood between them.
///
/// The slug of a slug is itself, so that links may be typed as people do.
pub fn slug(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_its_own_slug() {
        for (text, expected) in [
            ("Hello,  World!", "hello-world"),
            ("Über Zürich", "über-zürich"),
            ("--a--", "a"),
            ("İ", "i"),
            ("?!", ""),
        ] {
            assert_eq!(slug(text), expected);
            assert_eq!(slug(expected), expected);
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(line("title", " é  é ", 3), Ok("é é".to_owned()));
        assert!(line("title", "éééé", 3).is_err());
        assert!(lines("body", " \n ", 3).is_err());
        assert_eq!(lines("body", "a\nb", 3), Ok("a\nb".to_owned()));
    }
}
