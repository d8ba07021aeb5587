//! Text as people type it, brought into the one form that SQL compares and cache keys spell.

use crate::error::ApiError;

/// Trimmed, inner white space as single spaces, lower case.
///
/// Whatever two texts SQL treats as equal must come out of here equal, or one row would sit in the
/// cache under many names; hence the column `name_key`, which is made by this very function.
pub fn fold(text: &str) -> String {
    squeeze(text).to_lowercase()
}

/// Trimmed, inner white space as single spaces.
pub fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One line that must be there: squeezed.
///
/// # Errors
///
/// When it is empty or longer than `longest` characters.
pub fn line(field: &'static str, text: &str, longest: usize) -> Result<String, ApiError> {
    let text = squeeze(text);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_goes_beyond_ascii() {
        assert_eq!(fold("  ÖZGÜR \t Çelik "), "özgür çelik");
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(line("name", &"é".repeat(10), 10).is_ok());
        assert!(line("name", &"é".repeat(11), 10).is_err());
        assert!(line("name", "   ", 10).is_err());
    }
}
