//! What things are called: in paths, in rows, and in keys, always in the one form that is valid.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a text that is checked, and brought into one form, wherever it comes in.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $canonical:expr, $problem:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
        #[serde(try_from = "String")]
        #[sqlx(transparent)]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let canonical: fn(&str) -> Option<String> = $canonical;
                canonical(text.trim()).map(Self).ok_or($problem)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code! {
    /// `R001`: an employee.
    EmployeeCode,
    |text| {
        let digits = text.strip_prefix(['R', 'r'])?;
        let valid = (3..=6).contains(&digits.len()) && all(digits, |c| c.is_ascii_digit());
        valid.then(|| format!("R{digits}"))
    },
    "an employee's code is `R` and three to six digits"
}

code! {
    /// `nagoya`: a factory.
    FactoryCode,
    |text| {
        let valid = (2..=20).contains(&text.len()) && all(text, |c| c.is_ascii_alphabetic());
        valid.then(|| text.to_ascii_lowercase())
    },
    "a factory's code is 2 to 20 letters"
}

code! {
    /// `2025-07`: a month.
    Month,
    |text| {
        let (year, month) = text.split_once('-')?;
        let digits = [year, month].map(|part| all(part, |c| c.is_ascii_digit()));
        let valid = year.len() == 4 && month.len() == 2 && digits == [true, true];
        (valid && (1..=12).contains(&month.parse::<u8>().ok()?)).then(|| text.to_owned())
    },
    "a month is written `2025-07`"
}

fn all(text: &str, is_valid: fn(char) -> bool) -> bool {
    text.chars().all(is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<String> + fmt::Display>(text: &str) -> Option<String> {
        T::try_from(text.to_owned())
            .ok()
            .map(|code| code.to_string())
    }

    #[test]
    fn one_form_or_none() {
        assert_eq!(read::<EmployeeCode>(" r001 ").as_deref(), Some("R001"));
        assert_eq!(read::<FactoryCode>("Nagoya").as_deref(), Some("nagoya"));
        assert_eq!(read::<Month>("2025-07").as_deref(), Some("2025-07"));
        for wrong in ["", "R1", "R0000001", "X001", "R00*", "R00:"] {
            assert_eq!(read::<EmployeeCode>(wrong), None, "{wrong}");
        }
        for wrong in ["", "a", "na*", "na:go", "名古屋"] {
            assert_eq!(read::<FactoryCode>(wrong), None, "{wrong}");
        }
        for wrong in [
            "2025-13", "2025-00", "2025-7", "25-07", "2025-+7", "x025-07",
        ] {
            assert_eq!(read::<Month>(wrong), None, "{wrong}");
        }
    }
}
