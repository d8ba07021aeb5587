//! The floors of both crates, as ARCHITECTURE.md lists them: no module imports one of a floor above its own, and no two files
//! of a floor import each other in a circle.
//!
//! It reads source, and not what the compiler makes of it: paths that begin with `crate::`, `super::` or `self::`, outside of
//! tests and of the bodies of `macro_rules!`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The one file that may be in a circle: `Tier` holds all that is known of Redis, and its methods stand in the files of what
/// they do (leases, removals, the catalogue), which therefore import it.
const HUB: &str = "redis::connection::tier";

/// `cache_runtime::redis::link`, without the crate.
type Module = Vec<String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The floors of a crate from the top down, from its line in ARCHITECTURE.md: `cache-runtime: http > metrics > …`.
fn floors(document: &str, name: &str) -> Vec<String> {
    let line = document
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("ARCHITECTURE.md has no line that begins with `{name}: `"));
    line.split('>')
        .map(|floor| floor.trim().to_owned())
        .collect()
}

/// The modules of a crate, and which others each of them names.
struct House {
    imports: BTreeMap<Module, BTreeSet<Module>>,
}

impl House {
    fn of(source: &Path) -> Self {
        let mut files = Vec::new();
        collect(source, source, &mut files);
        let modules: BTreeSet<Module> = files.iter().map(|(module, _)| module.clone()).collect();
        let imports = files
            .into_iter()
            .map(|(module, path)| {
                let named = named_by(&module, &path);
                let known = named
                    .into_iter()
                    .filter_map(|path| nearest(&path, &modules));
                let others = known.filter(|other| *other != module).collect();
                (module, others)
            })
            .collect();
        Self { imports }
    }

    /// Imports of a floor above.
    fn upwards(&self, floors: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for (module, others) in &self.imports {
            for other in others {
                let (Some(from), Some(to)) = (module.first(), other.first()) else {
                    continue;
                };
                let place = |floor: &str| floors.iter().position(|known| known == floor);
                match (place(from), place(to)) {
                    (Some(from), Some(to)) if from <= to => {}
                    (Some(_), Some(_)) => found.push(format!("{module:?} imports {other:?}")),
                    _ => found.push(format!("{from} or {to} is on no floor")),
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Files that import each other, directly or by way of others; the first circle of each that is in one. That a folder's
    /// own file names what is in the folder, and the files there name the folder, is no circle.
    fn circles(&self) -> Vec<Vec<Module>> {
        let is_within = |module: &Module, other: &Module| {
            other.starts_with(module) || module.starts_with(other)
        };
        let files: BTreeMap<&Module, Vec<&Module>> = self
            .imports
            .iter()
            .filter(|(module, _)| module.join("::") != HUB)
            .map(|(module, others)| {
                let others = others.iter().filter(|other| !is_within(module, other));
                (module, others.collect())
            })
            .collect();
        let mut circles = BTreeSet::new();
        for start in files.keys() {
            if let Some(circle) = way_back(start, &files) {
                let mut members = circle.clone();
                members.sort();
                circles.insert(members);
            }
        }
        circles.into_iter().collect()
    }
}

/// The shortest way from a file back to itself.
fn way_back(start: &Module, files: &BTreeMap<&Module, Vec<&Module>>) -> Option<Vec<Module>> {
    let mut reached: BTreeMap<&Module, Vec<Module>> = BTreeMap::new();
    let mut next = std::collections::VecDeque::from([(start, vec![start.clone()])]);
    while let Some((module, way)) = next.pop_front() {
        for other in files.get(module).into_iter().flatten().copied() {
            if other == start {
                return Some(way);
            }
            if !reached.contains_key(other) {
                let mut way = way.clone();
                way.push(other.clone());
                reached.insert(other, way.clone());
                next.push_back((other, way));
            }
        }
    }
    None
}

/// The module that a path leads into: the longest beginning of it that is a file.
fn nearest(path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    (1..=path.len())
        .rev()
        .map(|length| path[..length].to_vec())
        .find(|module| modules.contains(module))
}

fn collect(source: &Path, folder: &Path, files: &mut Vec<(Module, PathBuf)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(source, &path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let module = module_of(path.strip_prefix(source).unwrap());
            let is_test = module.iter().any(|part| part.ends_with("tests"));
            let is_table = matches!(module[..], [ref only] if ["lib", "__private", "snapshots"].contains(&only.as_str()));
            if !is_test && !is_table {
                files.push((module, path));
            }
        }
    }
}

fn module_of(path: &Path) -> Module {
    let mut module: Module = path
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// The paths within its crate that a file names.
fn named_by(module: &[String], path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let file = syn::parse_file(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let mut names = Names {
        module,
        depth: 0,
        found: Vec::new(),
    };
    names.visit_file(&file);
    names.found
}

struct Names<'a> {
    module: &'a [String],
    /// Modules within the file that surround the place.
    depth: usize,
    found: Vec<Vec<String>>,
}

impl Names<'_> {
    fn name(&mut self, path: &[String]) {
        let mut parts = path.iter().peekable();
        let mut absolute = self.module.to_vec();
        match parts.next().map(String::as_str) {
            Some("crate") => absolute.clear(),
            Some("self") if self.depth == 0 => {}
            Some("super") if self.depth == 0 => {
                absolute.pop();
            }
            _ => return,
        }
        while parts.peek().is_some_and(|part| *part == "super") {
            parts.next();
            absolute.pop();
        }
        absolute.extend(parts.cloned());
        if !absolute.is_empty() {
            self.found.push(absolute);
        }
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => self.name(before),
            syn::UseTree::Name(name) => self.name(&with(&name.ident)),
            syn::UseTree::Rename(renamed) => self.name(&with(&renamed.ident)),
            syn::UseTree::Glob(_) => self.name(before),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.path().is_ident("cfg").then_some(&attribute.meta);
        condition.is_some_and(|meta| match meta {
            syn::Meta::List(list) => list
                .tokens
                .to_string()
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| word == "test"),
            _ => false,
        })
    })
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            self.depth += 1;
            visit::visit_item_mod(self, item);
            self.depth -= 1;
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        self.name(&parts);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(super)` says who may come, and not what is needed.
    }
}

#[test]
fn imports_lead_downwards_and_in_no_circle() {
    let document = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut wrong = Vec::new();
    for name in ["cache-runtime", "cache-macros"] {
        let house = House::of(&root().join(name).join("src"));
        assert!(house.imports.len() > 10, "{name}: its files were found");
        wrong.extend(house.upwards(&floors(&document, name)));
        let circles = house.circles();
        let circles = circles.iter().map(|circle| {
            let files: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
            format!("{name}: a circle of {}", files.join(", "))
        });
        wrong.extend(circles);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_upwards_and_a_circle_are_found() {
    let module = |path: &str| -> Module { path.split("::").map(str::to_owned).collect() };
    let house = |imports: &[(&str, &str)]| House {
        imports: imports
            .iter()
            .flat_map(|(from, to)| [(module(from), module(to)), (module(to), module(to))])
            .fold(
                BTreeMap::new(),
                |mut all: BTreeMap<_, BTreeSet<_>>, (from, to)| {
                    let others = all.entry(from.clone()).or_default();
                    if from != to {
                        others.insert(to);
                    }
                    all
                },
            ),
    };
    let floors = ["call", "redis"].map(str::to_owned);
    let sound = house(&[
        ("call::miss", "redis::link"),
        ("redis::tier", "redis::link"),
    ]);
    assert_eq!(
        (sound.upwards(&floors).len(), sound.circles().len()),
        (0, 0)
    );
    assert_eq!(
        house(&[("redis::link", "call::miss")])
            .upwards(&floors)
            .len(),
        1
    );
    let round = house(&[
        ("redis::a", "redis::b"),
        ("redis::b", "redis::c"),
        ("redis::c", "redis::a"),
    ]);
    assert_eq!(round.circles().len(), 1);
}
