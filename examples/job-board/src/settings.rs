//! The example's own settings; those of the cache are read by the cache.

use std::env::{self, VarError};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::{fmt, fs, io};

use axum_extra::extract::cookie::Key;

use crate::db::SCHEMA_VERSION;

/// Where to listen and what to open.
#[derive(Clone)]
pub struct Settings {
    /// `BIND_ADDRESS`: 127.0.0.1 unless set, so that nobody else reaches the job board; `0.0.0.0` in a container.
    pub bind_address: IpAddr,
    /// `PORT`: 3000 unless set; 0 takes any free one.
    pub port: u16,
    /// `DATABASE_URL`: `sqlite://path`; a file among the temporary ones unless set.
    pub database_url: String,
    /// `SESSION_SECRET`: signs cookies. Unless set, a new one is made at each start, and sign-ins
    /// end with the process.
    pub session_key: Key,
    /// `WARM`: `on` loads the first pages at start-up; off unless set.
    pub warm: bool,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// One line that names the variable and says what it should be.
    pub fn from_env() -> Result<Self, BadSetting> {
        Ok(Self {
            bind_address: bind_address(variable("BIND_ADDRESS")?)?,
            port: port(variable("PORT")?)?,
            database_url: database_url(variable("DATABASE_URL")?)?,
            session_key: session_key(variable("SESSION_SECRET")?)?,
            warm: warm(variable("WARM")?)?,
        })
    }
}

/// Does not show the key.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("bind_address", &self.bind_address)
            .field("port", &self.port)
            .field("database_url", &self.database_url)
            .field("warm", &self.warm)
            .finish_non_exhaustive()
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

fn bind_address(text: Option<String>) -> Result<IpAddr, BadSetting> {
    let Some(text) = text else {
        return Ok(Ipv4Addr::LOCALHOST.into());
    };
    let problem = |_| {
        BadSetting(format!(
            "BIND_ADDRESS must be an address such as 0.0.0.0 or ::1, not {text:?}"
        ))
    };
    text.parse().map_err(problem)
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
    let folder: PathBuf = env::temp_dir().join("job-board-example");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("board-v{SCHEMA_VERSION}.db"));
    Ok(format!("sqlite://{}", file.display()))
}

fn session_key(secret: Option<String>) -> Result<Key, BadSetting> {
    let Some(secret) = secret else {
        return Ok(Key::generate());
    };
    // The text is not shown: it is a secret, if a short one.
    Key::try_from(secret.as_bytes())
        .map_err(|_| BadSetting("SESSION_SECRET must have at least 64 bytes".into()))
}

fn warm(text: Option<String>) -> Result<bool, BadSetting> {
    match text.as_deref() {
        Some("on") => Ok(true),
        Some("off") | None => Ok(false),
        Some(other) => Err(BadSetting(format!(
            "WARM must be `on` or `off`, not {other:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_address_is_an_address() {
        assert!(bind_address(None).is_ok_and(|host| host.is_loopback()));
        assert!(bind_address(Some("0.0.0.0".into())).is_ok_and(|host| host.is_unspecified()));
        let refused = bind_address(Some("job-board".into())).map_err(|problem| problem.to_string());
        assert!(
            matches!(refused, Err(text) if text.contains("BIND_ADDRESS") && text.contains("0.0.0.0"))
        );
    }

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

    #[test]
    fn warming_is_on_or_off() {
        assert!(matches!(
            (warm(None), warm(Some("on".into()))),
            (Ok(false), Ok(true))
        ));
        assert!(warm(Some("yes".into())).is_err());
    }

    #[test]
    fn a_short_secret_is_refused_and_not_shown() {
        let refused = session_key(Some("hunter2".into()))
            .map(drop)
            .map_err(|e| e.to_string());
        assert!(matches!(refused, Err(text) if !text.contains("hunter2")));
        assert!(session_key(Some("x".repeat(64))).is_ok());
    }
}
