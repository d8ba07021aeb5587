//! Credentials in a file that another program replaces.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::redis::connection::credentials::{Credentials, CredentialsProvider};

/// How often the file is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads user and password from a file, once a second (`REDIS_CREDENTIALS_FILE`).
///
/// The file contains one line of UTF-8 text, `user:password`. The user name ends at the first colon, and may be empty for
/// the user `default`. Nothing is percent-encoded. A final line break is not part of the password.
///
/// Replace the file atomically, by renaming another file to its name, as Kubernetes does with mounted secrets. While the
/// file is missing or unreadable, the credentials of before stay in use, and the log and the health of the cache say so.
///
/// ```
/// use cache_runtime::{CacheConfig, FileCredentials};
///
/// let config = CacheConfig::default()
///     .redis_url("redis://localhost")
///     .credentials(FileCredentials::new("/run/secrets/redis"));
/// ```
#[derive(Debug)]
pub struct FileCredentials {
    path: PathBuf,
    /// A thread is reading the file.
    is_reading: Arc<AtomicBool>,
}

/// A clone reads the file on its own, at any time.
impl Clone for FileCredentials {
    fn clone(&self) -> Self {
        Self::new(&self.path)
    }
}

impl FileCredentials {
    /// The file need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            is_reading: Arc::default(),
        }
    }
}

impl CredentialsProvider for FileCredentials {
    async fn credentials(&self) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        let path = self.path.clone();
        if self.is_reading.swap(true, SeqCst) {
            let path = self.path.display();
            return Err(format!("the credentials file `{path}` is still being read").into());
        }
        let is_reading = self.is_reading.clone();
        // A file system may take its time, or never answer. A thread of the runtime would then keep the program from ending.
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new()
            .name("cache-credentials".to_owned())
            .spawn(move || {
                let read = read(&path);
                is_reading.store(false, SeqCst);
                // Nobody waits for it any longer.
                let _ = answer.send(read);
            })
            .inspect_err(|_| self.is_reading.store(false, SeqCst))?;
        Ok(answered.await??.ask_again_after(INTERVAL))
    }
}

/// The error names the file and contains nothing of it.
fn read(path: &Path) -> Result<Credentials, String> {
    let bad = |why: &str| format!("the credentials file `{}` {why}", path.display());
    let bytes = fs::read(path).map_err(|error| bad(&format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| bad("is not UTF-8 text"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (user, password) = line
        .split_once(':')
        .filter(|_| !line.contains('\n'))
        .ok_or_else(|| bad("does not contain one line `user:password`"))?;
    if password.is_empty() {
        return Err(bad("contains no password after the colon"));
    }
    Ok(Credentials::new(user, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a mounted file system that has stopped answering.
    #[cfg(unix)]
    #[test]
    fn a_file_that_never_answers_does_not_keep_the_program_from_ending() {
        let pipe = std::env::temp_dir().join(format!("credentials-pipe-{}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let file = FileCredentials::new(&pipe);
        let (ended, has_ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            runtime.block_on(async {
                let moment = Duration::from_millis(10);
                let late = tokio::time::timeout(moment, file.credentials()).await;
                assert!(late.is_err());
                // No second thread waits for the same file.
                let error = file.credentials().await.unwrap_err().to_string();
                assert!(error.contains("still being read"), "{error}");
                // A clone is for another purpose, such as the sentinels: it is not refused.
                let other = file.clone();
                let late = tokio::time::timeout(moment, other.credentials()).await;
                assert!(late.is_err());
            });
            drop(runtime);
            ended.send(()).unwrap();
        });
        let ended = has_ended.recv_timeout(Duration::from_secs(20));
        fs::remove_file(pipe).unwrap();
        ended.unwrap();
    }

    fn of(text: &[u8]) -> Result<Credentials, String> {
        let file = std::env::temp_dir().join(format!(
            "credentials-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        fs::write(&file, text).unwrap();
        let read = read(&file);
        fs::remove_file(file).unwrap();
        read
    }

    #[test]
    fn one_line_holds_user_and_password_as_they_are() {
        for (text, user, password) in [
            ("app:secret", "app", "secret"),
            ("app:secret\n", "app", "secret"),
            ("app:secret\r\n", "app", "secret"),
            (":a:b @/#% ü", "", "a:b @/#% ü"),
            ("app: secret ", "app", " secret "),
        ] {
            let read = of(text.as_bytes()).unwrap();
            assert!(
                read.is_the_same_login_as(&Credentials::new(user, password)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_content() {
        for text in [
            &b"hunter2"[..],
            b"u:hunter2\nmore",
            b"hunter2:",
            b"",
            b"u:hunter2\xff",
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains("credentials-"), "{error}");
            assert!(
                !error.contains("hunter2") && !error.contains('\n'),
                "{error}"
            );
        }
        let error = read(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
