//! The example's own settings; those of the cache are read by the cache.

use std::env::{self, VarError};
use std::path::PathBuf;
use std::{fmt, fs, io};

use crate::db::SCHEMA_VERSION;

/// Where to listen and what to open.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `PORT`: 3000 unless set; 0 takes any free one.
    pub port: u16,
    /// `DATABASE_URL`: `sqlite://path`; a file among the temporary ones unless set.
    pub database_url: String,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// One line that names the variable and says what it should be.
    pub fn from_env() -> Result<Self, BadSetting> {
        Ok(Self {
            port: port(variable("PORT")?)?,
            database_url: database_url(variable("DATABASE_URL")?)?,
        })
    }
}

/// A setting that cannot be right, as one line.
#[derive(Debug)]
pub struct BadSetting(String);

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSetting {}

/// A variable that is set to nothing counts as not set.
fn variable(name: &str) -> Result<Option<String>, BadSetting> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(BadSetting(format!("{name} is not UTF-8"))),
    }
}

fn port(text: Option<String>) -> Result<u16, BadSetting> {
    let Some(text) = text else { return Ok(3000) };
    let problem = |_| BadSetting(format!("PORT must be from 0 to 65535, not {text:?}"));
    text.parse().map_err(problem)
}

fn database_url(url: Option<String>) -> Result<String, BadSetting> {
    match url {
        Some(url) if url.starts_with("sqlite:") => Ok(url),
        // Not shown either: another database's URL may hold a password.
        Some(_) => Err(BadSetting(
            "DATABASE_URL must be `sqlite://` and a path".into(),
        )),
        None => temporary_database()
            .map_err(|error| BadSetting(format!("set DATABASE_URL: no temporary file: {error}"))),
    }
}

/// The same file at every start, one for each version of the schema.
fn temporary_database() -> io::Result<String> {
    let folder: PathBuf = env::temp_dir().join("articles-example");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("articles-v{SCHEMA_VERSION}.db"));
    Ok(format!("sqlite://{}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_port() {
        assert!(port(None).is_ok_and(|port| port == 3000));
        assert!(port(Some("0".into())).is_ok_and(|port| port == 0));
        let refused = port(Some("http".into())).map_err(|problem| problem.to_string());
        assert!(matches!(refused, Err(text) if text.contains("PORT") && text.contains("http")));
    }

    #[test]
    fn a_database_of_another_kind_is_refused_and_not_shown() {
        let refused = database_url(Some("mysql://me:hunter2@db".into())).map_err(|e| e.to_string());
        assert!(
            matches!(refused, Err(text) if text.contains("sqlite") && !text.contains("hunter2"))
        );
        assert!(database_url(None).is_ok_and(|url| url.starts_with("sqlite://")));
    }
}
