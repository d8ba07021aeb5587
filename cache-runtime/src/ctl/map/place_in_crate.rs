//! Where a file is in its crate: the modules that lead to it, and the crate's name.

use std::path::{Component, Path};

/// A file within its crate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PlaceInCrate {
    /// As paths in the program begin, if it is known.
    pub(super) name: Option<String>,
    pub(super) modules: Vec<String>,
}

impl PlaceInCrate {
    /// The place of a file. `manifest` reads the `Cargo.toml` of a folder, if there is one.
    pub(super) fn of(file: &Path, manifest: impl Fn(&Path) -> Option<String>) -> Self {
        let unknown = |modules| Self {
            name: None,
            modules,
        };
        let mut folders = file.ancestors().skip(1);
        let found = folders.find_map(|folder| manifest(folder).map(|text| (folder, text)));
        let Some((folder, text)) = found else {
            return unknown(modules(file));
        };
        let source = folder.join("src");
        match file.strip_prefix(&source) {
            Ok(within) if !within.starts_with("bin") => Self {
                name: package(&text),
                modules: modules(&Path::new("src").join(within)),
            },
            _ => unknown(modules(file)),
        }
    }
}

/// The modules that lead to a file: the folders below the first `src`, and the file itself.
fn modules(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let names: Vec<String> = file
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    let below = names.iter().position(|name| name == "src");
    let below = below.map_or(names.len().saturating_sub(1), |at| at + 1);
    let mut modules = names[below..].to_vec();
    let roots = ["mod", "lib", "main"];
    if modules
        .last()
        .is_some_and(|last| roots.contains(&last.as_str()))
    {
        modules.pop();
    }
    modules
}

/// The name of the package, as its paths begin. `None` if the library has a name of its own: then the programs of the
/// package have another one.
fn package(manifest: &str) -> Option<String> {
    let (mut section, mut name) = ("", None);
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            match section {
                "[package]" => name = value.split(['"', '\'']).nth(1),
                "[lib]" => return None,
                _ => {}
            }
        }
    }
    name.map(|name| name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str) -> PlaceInCrate {
        PlaceInCrate::of(Path::new(file), |folder| {
            (folder == Path::new("a/job-board")).then(|| {
                "[package]\nname = \"job-board\" # it\n[dependencies]\nname = \"x\"".to_owned()
            })
        })
    }

    #[test]
    fn folders_and_files_are_modules() {
        let board = place("a/job-board/src/jobs/routes.rs");
        assert_eq!(board.name.as_deref(), Some("job_board"));
        assert_eq!(board.modules, ["jobs", "routes"]);
        assert_eq!(place("a/job-board/src/jobs/mod.rs").modules, ["jobs"]);
        assert_eq!(place("a/job-board/src/src/a.rs").modules, ["src", "a"]);
        assert_eq!(place("a/job-board/src/main.rs").modules, [""; 0]);
        assert_eq!(place("a/job-board/src/bin/tool.rs").name, None);
        assert_eq!(place("a/job-board/tests/api.rs").name, None);
        assert_eq!(
            place("b.rs"),
            PlaceInCrate {
                name: None,
                modules: vec!["b".into()]
            }
        );
    }

    #[test]
    fn a_library_with_a_name_of_its_own_leaves_the_crate_open() {
        assert_eq!(
            package("[package]\nname = \"a\"\n[lib]\nname = \"b\""),
            None
        );
        assert_eq!(
            package("[lib]\npath = \"b\"\n[package]\nname='a-b'").as_deref(),
            Some("a_b")
        );
        assert_eq!(package("name = \"x\""), None);
    }
}
