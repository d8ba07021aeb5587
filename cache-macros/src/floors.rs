//! Checks the imports of this crate against the list of steps in `lib.rs`: a file imports from its own step
//! and from those below it, and no file imports itself by way of others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::{Item, UseTree};

type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

#[test]
fn no_file_imports_from_a_step_above_it() {
    let floors = floors();
    let floor = |file: &Path| {
        let step = step(file);
        let floor = floors.iter().position(|floor| floor.contains(&step));
        floor.unwrap_or_else(|| panic!("lib.rs does not list `{step}`"))
    };
    for (file, imported) in imports() {
        for other in imported {
            let is_below = floor(&file) < floor(&other) || step(&file) == step(&other);
            assert!(
                is_below,
                "{} imports from {}",
                file.display(),
                other.display()
            );
        }
    }
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let mut left = imports();
    loop {
        let known: BTreeSet<PathBuf> = left.keys().cloned().collect();
        let imported: BTreeSet<PathBuf> = left.values().flatten().cloned().collect();
        left.retain(|file, imports| imported.contains(file) && !imports.is_disjoint(&known));
        if left.len() == known.len() {
            break;
        }
    }
    assert!(left.is_empty(), "a circle is among these: {left:#?}");
}

/// The steps as `lib.rs` lists them, the highest first.
fn floors() -> Vec<BTreeSet<String>> {
    let text = read(Path::new("lib.rs"));
    let lines = text.lines().map(|line| line.trim_start_matches("//! "));
    let list = lines.skip_while(|line| *line != "```text").skip(1);
    let names = list.take_while(|line| *line != "```").map(|line| {
        let names = line.split("  ").next().unwrap_or_default();
        names.split(", ").map(str::to_owned).collect()
    });
    names.collect()
}

/// What every file but `lib.rs` and the tests imports from this crate.
fn imports() -> Imports {
    let folders = floors().into_iter().flatten();
    let files = folders.flat_map(|step| {
        let folder = source().join(&step);
        match std::fs::read_dir(&folder) {
            Ok(entries) => entries
                .map(|entry| Path::new(&step).join(entry.expect("a file").file_name()))
                .collect(),
            Err(_) => vec![PathBuf::from(format!("{step}.rs"))],
        }
    });
    let imports: Imports = files
        .map(|file| {
            let imported = imported(&file);
            (file, imported)
        })
        .collect();
    assert!(
        imports.len() > 20,
        "only {} files were found",
        imports.len()
    );
    imports
}

fn imported(file: &Path) -> BTreeSet<PathBuf> {
    let parsed = syn::parse_file(&read(file)).expect("a file that compiles");
    let mut paths = Vec::new();
    for item in parsed.items {
        if let Item::Use(item) = item {
            collect(&item.tree, &[], &mut paths);
        }
    }
    let paths = paths
        .iter()
        .filter_map(|path| path.strip_prefix(&["crate".to_owned()]));
    paths.map(file_of).collect()
}

/// All paths of one `use`.
fn collect(tree: &UseTree, before: &[String], paths: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            let before = [before, &[path.ident.to_string()]].concat();
            collect(&path.tree, &before, paths);
        }
        UseTree::Name(name) => paths.push([before, &[name.ident.to_string()]].concat()),
        UseTree::Rename(rename) => paths.push([before, &[rename.ident.to_string()]].concat()),
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, before, paths);
            }
        }
        UseTree::Glob(_) => panic!("a glob hides what a file imports"),
    }
}

/// The file that a path without its `crate` refers to.
fn file_of(path: &[String]) -> PathBuf {
    let [step, rest @ ..] = path else {
        panic!("an empty path");
    };
    let inner = rest
        .first()
        .map(|name| Path::new(step).join(format!("{name}.rs")));
    let files = inner.into_iter().chain([
        Path::new(step).join("mod.rs"),
        PathBuf::from(format!("{step}.rs")),
    ]);
    let mut files = files.filter(|file| source().join(file).exists());
    files
        .next()
        .unwrap_or_else(|| panic!("no file for {path:?}"))
}

/// The step of a file: its folder, or its own name.
fn step(file: &Path) -> String {
    let first = file
        .components()
        .next()
        .map(|first| first.as_os_str().to_string_lossy());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(source().join(file)).expect("a file of this crate")
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
