//! The full paths of the names that a file imports.

use std::collections::HashMap;

use syn::UseTree;
use syn::visit::{self, Visit};

use crate::ctl::map::skipped::{is_for_tests, of_item};

/// The names that a file imports, and their paths.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// A name that is imported from two places has none.
    paths: HashMap<String, Option<Vec<String>>>,
}

impl Imports {
    pub(super) fn of(file: &syn::File) -> Self {
        let mut imports = Self::default();
        imports.visit_file(file);
        imports
    }

    /// The path of a name in this file, as it is without imports.
    pub(super) fn full(&self, path: Vec<String>) -> Vec<String> {
        let first = path.first().and_then(|first| self.paths.get(first));
        match first {
            Some(Some(imported)) => [imported, &path[1..]].concat(),
            _ => path,
        }
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.add(last.clone(), before.to_vec());
                }
            }
            UseTree::Name(name) => self.add(name.ident.to_string(), with(&name.ident)),
            UseTree::Rename(renamed) => {
                self.add(renamed.rename.to_string(), with(&renamed.ident));
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
            UseTree::Glob(_) => {}
        }
    }

    fn add(&mut self, name: String, path: Vec<String>) {
        let known = self.paths.entry(name).or_insert_with(|| Some(path.clone()));
        if known.as_ref() != Some(&path) {
            *known = None;
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            item if is_for_tests(of_item(item)) => {}
            syn::Item::Use(item) => self.tree(&[], &item.tree),
            _ => visit::visit_item(self, item),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_paths() {
        let file =
            "use crate::{jobs::{self, list as all}, users::*}; fn f() { use crate::posts::one; }
            mod a { use x::twice; } mod b { use y::twice; }";
        let imports = Imports::of(&syn::parse_str(file).unwrap());
        for (path, full) in [
            ("jobs::list", "crate::jobs::list"),
            ("all::key", "crate::jobs::list::key"),
            ("one", "crate::posts::one"),
            ("twice::key", "twice::key"),
            ("other", "other"),
        ] {
            let path = path.split("::").map(str::to_owned).collect();
            assert_eq!(imports.full(path).join("::"), full);
        }
        assert!(imports.full(Vec::new()).is_empty());
    }
}
