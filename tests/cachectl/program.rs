//! One run of the program.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// The password of every server here that has one. It must never be printed.
pub(crate) const SECRET: &str = "hunter2-%-s3cret";

/// What no run takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the program printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `cachectl` with a server and arguments.
pub(crate) async fn cachectl(url: &str, arguments: &[&str]) -> Ran {
    cachectl_with(&[("REDIS_URL", url)], arguments).await
}

/// Runs `cachectl` with these variables and no others of the cache's.
pub(crate) async fn cachectl_with(variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    cachectl_in(Path::new("."), variables, arguments).await
}

/// The same in a folder.
pub(crate) async fn cachectl_in(
    folder: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachectl_tested"));
    command
        .env_clear()
        .envs(variables.iter().copied())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.expect("it ends in time").expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    let ran = Ran {
        code: output.status.code().expect("it ends by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    for printed in [&ran.stdout, &ran.stderr] {
        assert!(
            !printed.contains("hunter2"),
            "the password is printed: {printed}"
        );
        assert!(
            !printed.contains("s3cret"),
            "the password is printed: {printed}"
        );
        assert!(
            !printed.contains('\x1b'),
            "colours without a terminal: {printed:?}"
        );
        assert!(!printed.contains("panicked"), "it panicked: {printed}");
    }
    ran
}

impl Ran {
    /// The one JSON document that it printed, and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            self.stderr, "",
            "with --json, everything is in the document"
        );
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).expect("JSON")
    }

    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The text contains all of these.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) -> &Self {
        let all = [self.stdout.as_str(), self.stderr.as_str()].concat();
        for word in words {
            assert!(all.contains(word), "no `{word}` in:\n{all}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn says_not(&self, words: &[&str]) -> &Self {
        let all = [self.stdout.as_str(), self.stderr.as_str()].concat();
        for word in words {
            assert!(!all.contains(word), "`{word}` in:\n{all}");
        }
        self
    }
}
