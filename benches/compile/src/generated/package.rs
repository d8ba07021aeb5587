//! A generated package on disk, and cargo as it is run on it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Kind, program};

/// A generated package on disk.
pub(crate) struct Package {
    kind: Kind,
    functions: usize,
    root: PathBuf,
    target: PathBuf,
}

impl Package {
    /// Writes a package to a folder of its own below `parent`; what is built of it goes to `target`.
    ///
    /// `repository` is where ours is found. `lock` is the lock file of a package or workspace that depends on everything
    /// that generated packages do: cargo keeps its versions, so that nothing has to be looked up or downloaded.
    /// `profiles` ends the manifest.
    pub(crate) fn write(
        kind: Kind,
        functions: usize,
        parent: &Path,
        target: &Path,
        repository: &Path,
        lock: &Path,
        profiles: &str,
    ) -> io::Result<Self> {
        let package = Self {
            kind,
            functions,
            root: parent.join(format!("{}-{functions}", kind.name())),
            target: target.to_owned(),
        };
        fs::create_dir_all(package.root.join("src"))?;
        put(
            &package.root.join("Cargo.toml"),
            &package.manifest(repository, profiles),
        )?;
        fs::copy(lock, package.root.join("Cargo.lock"))?;
        package.change(1)?;
        Ok(package)
    }

    /// Changes the constant in the body of the first function.
    pub(crate) fn change(&self, constant: u64) -> io::Result<()> {
        for (name, text) in program::files(self.kind, self.functions, constant) {
            put(&self.root.join("src").join(name), &text)?;
        }
        Ok(())
    }

    /// Its name, and that of its program.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.kind.name(), self.functions)
    }

    /// The line that its program prints at its end.
    pub(crate) fn farewell(&self) -> String {
        program::farewell(self.functions)
    }

    /// Its build artifacts.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Cargo in this package, with what its users' environment may change taken away: flags, wrappers and profiles.
    pub(crate) fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if [
                "CARGO_PROFILE_",
                "CARGO_BUILD_",
                "CARGO_ENCODED_",
                "RUSTFLAGS",
                "CARGO_INCREMENTAL",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            {
                cargo.env_remove(&*name);
            }
        }
        cargo
            .current_dir(&self.root)
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .args([command, "--quiet", "--target-dir"])
            .arg(&self.target);
        cargo
    }

    fn manifest(&self, repository: &Path, profiles: &str) -> String {
        format!(
            r#"# Generated.
[package]
name = "{}"
version = "0.0.0"
edition = "2024"
publish = false

# Part of no other workspace.
[workspace]

[dependencies]
serde = {{ version = "1", features = ["derive"] }}
tokio = {{ version = "1.48", features = ["macros", "rt-multi-thread"] }}
{}
{profiles}"#,
            self.name(),
            self.kind.dependency(repository),
        )
    }
}

/// Writes a file, unless it reads so already: to cargo a file that was written is a file that has changed.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text)
}
