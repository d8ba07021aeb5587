//! All functions of all files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ctl::map::files;
use crate::ctl::map::finder::{self, Around};
use crate::ctl::map::function::{Function, Place};
use crate::ctl::map::names::{Known, Names};
use crate::ctl::map::place_in_crate::PlaceInCrate;
use crate::ctl::map::source::Source;

/// The functions of a program, and the files that could not be read.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) files: usize,
    pub(super) functions: Vec<Function>,
    /// Files that could not be read, each with the reason.
    pub(super) unparsed: Vec<(Place, String)>,
    /// Comments for this command that are above no function.
    pub(super) stray: Vec<Place>,
    /// Comments for this command in a form that is not read.
    pub(super) misplaced: Vec<Place>,
}

impl Program {
    /// Reads the files.
    pub(super) fn read(paths: &[PathBuf], default_ttl: Duration) -> Self {
        let mut program = Self {
            files: paths.len(),
            ..Self::default()
        };
        let mut sources = Vec::new();
        for path in paths {
            match parsed(path) {
                Ok(source) => sources.push((path.clone(), source)),
                Err((line, why)) => program.unparsed.push((place(path, line), why)),
            }
        }
        let mut names = Names::default();
        sources
            .iter()
            .for_each(|(_, source)| names.add(&source.syntax));
        let mut of_tests = Vec::new();
        let mut found = Vec::new();
        for (path, source) in &sources {
            let place = PlaceInCrate::of(path, manifest);
            let mut own = Names::default();
            own.add(&source.syntax);
            let around = Around {
                source,
                names: Known::new(&own, &names),
                place: &place,
                default_ttl,
            };
            let in_file = finder::find(around);
            of_tests.extend(in_file.test_modules.iter().map(|names| below(path, names)));
            found.push((path, in_file));
        }
        for (path, in_file) in found {
            if of_tests.iter().any(|module| is_in(path, module)) {
                continue;
            }
            program.functions.extend(in_file.functions);
            let stray = in_file.stray.into_iter().map(|line| place(path, line));
            program.stray.extend(stray);
            let misplaced = in_file.misplaced.into_iter().map(|line| place(path, line));
            program.misplaced.extend(misplaced);
        }
        program
    }
}

fn parsed(path: &Path) -> Result<Source, (usize, String)> {
    let text = files::read(path).map_err(|why| (1, why))?;
    Source::parse(path.display().to_string(), &text).map_err(|why| (why.line, why.reason))
}

fn place(path: &Path, line: usize) -> Place {
    Place {
        file: path.display().to_string(),
        line,
    }
}

/// The `Cargo.toml` of a folder. A path that begins with no folder is in the current one.
fn manifest(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join("Cargo.toml")).ok()
}

/// The file of a module, without its ending.
fn below(path: &Path, names: &[String]) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let stem = path.file_stem().unwrap_or_default();
    let is_root = ["mod", "lib", "main"].iter().any(|root| stem == *root);
    let mut module = if is_root {
        folder.to_owned()
    } else {
        folder.join(stem)
    };
    module.extend(names);
    module
}

/// Whether a file is that of the module, or below it.
fn is_in(path: &Path, module: &Path) -> bool {
    path.with_extension("") == module || path.starts_with(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_for_tests_are_found_in_their_own_files() {
        let names = ["tests".to_owned()];
        for (from, file, expected) in [
            ("src/lib.rs", "src/tests.rs", true),
            ("src/lib.rs", "src/tests/more.rs", true),
            ("src/jobs.rs", "src/jobs/tests.rs", true),
            ("src/jobs/mod.rs", "src/jobs/tests/mod.rs", true),
            ("src/jobs.rs", "src/tests.rs", false),
            ("src/lib.rs", "src/tests_of_jobs.rs", false),
        ] {
            let module = below(Path::new(from), &names);
            assert_eq!(is_in(Path::new(file), &module), expected, "{from} {file}");
        }
    }
}
