//! Text as people type it, brought into the one form that SQL compares and cache keys spell.

use crate::error::ApiError;

/// Trimmed, inner white space as single spaces, lower case.
///
/// Whatever two texts SQL treats as equal must come out of here equal, or one row would sit in the
/// cache under many names; hence the columns `*_key`, which are made by this very function.
pub fn fold(text: &str) -> String {
    squeeze(text).to_lowercase()
}

/// Trimmed, inner white space as single spaces.
pub fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A filter out of a query string: folded; empty means that there is no such filter.
///
/// # Errors
///
/// When it is longer than [`LONGEST_FILTER`].
pub fn filter(field: &'static str, text: Option<&str>) -> Result<Option<String>, ApiError> {
    let folded = fold(text.unwrap_or_default());
    if folded.chars().count() > LONGEST_FILTER {
        return Err(ApiError::invalid(
            field,
            format!("is longer than {LONGEST_FILTER} characters"),
        ));
    }
    Ok(Some(folded).filter(|text| !text.is_empty()))
}

/// One line that must be there: squeezed.
///
/// # Errors
///
/// When it is empty or longer than `longest` characters.
pub fn line(field: &'static str, text: &str, longest: usize) -> Result<String, ApiError> {
    within(field, squeeze(text), longest)
}

/// A text of any number of lines that must be there: trimmed.
///
/// # Errors
///
/// When it is empty or longer than `longest` characters.
pub fn lines(field: &'static str, text: &str, longest: usize) -> Result<String, ApiError> {
    within(field, text.trim().to_owned(), longest)
}

fn within(field: &'static str, text: String, longest: usize) -> Result<String, ApiError> {
    if text.is_empty() {
        return Err(ApiError::invalid(field, "must not be empty"));
    }
    if text.chars().count() > longest {
        return Err(ApiError::invalid(
            field,
            format!("is longer than {longest} characters"),
        ));
    }
    Ok(text)
}

/// The longest search or location, in characters.
pub const LONGEST_FILTER: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_goes_beyond_ascii() {
        assert_eq!(fold("  ZÜRICH \t West "), "zürich west");
    }

    #[test]
    fn a_blank_filter_is_none() -> Result<(), ApiError> {
        assert_eq!(filter("search", Some("  "))?, None);
        assert_eq!(filter("search", None)?, None);
        assert_eq!(
            filter("search", Some(" Rust  SQL"))?.as_deref(),
            Some("rust sql")
        );
        Ok(())
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(filter("search", Some(&"é".repeat(LONGEST_FILTER))).is_ok());
        assert!(filter("search", Some(&"é".repeat(LONGEST_FILTER + 1))).is_err());
        assert!(line("title", "   ", 10).is_err());
        assert!(lines("body", "a\nb", 3).is_ok_and(|text| text == "a\nb"));
    }
}
