//! Which files are looked at.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::ctl::failure::Failure;

/// A file larger than this is not source that a person writes.
const LARGEST: u64 = 4 << 20;

/// The Rust files below these paths, each once, in order.
///
/// # Errors
///
/// A path does not exist, or cannot be read, or there is no Rust file at all.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        add(path, &mut files).map_err(|why| unreadable(path, &why))?;
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        let listed: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Err(
            Failure::usage(format!("no Rust file in {}", listed.join(", ")))
                .remedy("name the folder that holds the source: `cachectl map my-service/src`"),
        );
    }
    Ok(files)
}

/// The text of a file.
///
/// # Errors
///
/// It cannot be read, is not UTF-8, or is far too large.
pub(super) fn read(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|why| why.to_string())?.len();
    if size > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    fs::read_to_string(file).map_err(|why| why.to_string())
}

fn add(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        return walk(path, files);
    }
    files.push(path.to_owned());
    Ok(())
}

/// Leaves out build output, hidden folders, and links to folders, which may lead in a circle.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.starts_with('.') {
                walk(&path, files)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, why: &io::Error) -> Failure {
    Failure::usage(format!("{}: {why}", path.display())).remedy(
        "name files or folders that exist; without any, `cachectl map` looks at `src` in the current directory",
    )
}
