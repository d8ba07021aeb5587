//! The command line.

use std::str::FromStr;

/// The options of the command line.
pub struct Options {
    /// In each program.
    pub functions: usize,
    /// Of which the table shows medians.
    pub rounds: usize,
    /// Whether release builds are measured, too.
    pub release: bool,
}

impl Options {
    /// # Errors
    ///
    /// Says which argument is not understood.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            functions: 200,
            rounds: 3,
            release: true,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--functions" => options.functions = number(&argument, arguments.next())?,
                "--rounds" => options.rounds = number(&argument, arguments.next())?,
                "--no-release" => options.release = false,
                _ => {
                    return Err(format!(
                        "unknown argument: {argument}; there are --functions N, --rounds N and --no-release"
                    ));
                }
            }
        }
        Ok(options)
    }
}

fn number(argument: &str, value: Option<String>) -> Result<usize, String> {
    value
        .and_then(|value| usize::from_str(&value).ok())
        .filter(|&number| number > 0)
        .ok_or_else(|| format!("{argument} wants a number of at least 1"))
}
