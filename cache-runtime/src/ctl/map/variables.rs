//! The variables of a function, and which of them stand for one expression for certain.
//!
//! Scopes are not followed: a name that is bound twice anywhere in a function stands for nothing that is known.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Block, Expr, Pat, PatIdent, Signature, Token};

use crate::ctl::map::expr::plain;
use crate::ctl::map::skipped::without_tests;

/// The variables of a function, by their names.
pub(super) type Locals = HashMap<String, Variable>;

/// Our knowledge about a variable.
pub(super) enum Variable {
    /// It always is what this expression gives.
    Is(Box<Expr>),
    /// It is bound once, to something that the function gets.
    Given,
    /// It changes, or the name stands for several.
    Uncertain,
}

/// The variables of a function: its parameters, and all that its body binds. Functions within it have their own.
pub(super) fn of(sig: &Signature, block: &Block) -> Locals {
    let mut search = Search::default();
    search.visit_signature(sig);
    search.visit_block(block);
    search.0
}

/// The variable of this name, if the expression is a name.
pub(super) fn named<'a>(expr: &Expr, locals: &'a Locals) -> Option<&'a Variable> {
    locals.get(&name(expr)?)
}

fn name(expr: &Expr) -> Option<String> {
    match plain(expr) {
        Expr::Path(path) => Some(path.path.get_ident()?.unraw().to_string()),
        _ => None,
    }
}

#[derive(Default)]
struct Search(Locals);

impl Search {
    fn bind(&mut self, bound: &PatIdent, value: Option<&Expr>) {
        let variable = match value {
            _ if bound.mutability.is_some() => Variable::Uncertain,
            Some(value) if !may_change(value) => Variable::Is(Box::new(value.clone())),
            Some(_) => Variable::Uncertain,
            None => Variable::Given,
        };
        match self.0.entry(bound.ident.unraw().to_string()) {
            Entry::Occupied(mut known) => drop(known.insert(Variable::Uncertain)),
            Entry::Vacant(unknown) => drop(unknown.insert(variable)),
        }
    }

    fn changes(&mut self, expr: &Expr) {
        match (plain(expr), name(expr)) {
            (_, Some(name)) => drop(self.0.insert(name, Variable::Uncertain)),
            (Expr::Tuple(parts), None) => parts.elems.iter().for_each(|part| self.changes(part)),
            _ => {}
        }
    }

    /// Code that exists in tests only binds no variable of the program.
    fn leave_out(&mut self, _: Span) {}
}

impl<'ast> Visit<'ast> for Search {
    without_tests!();

    fn visit_item(&mut self, _: &'ast syn::Item) {}

    fn visit_local(&mut self, local: &'ast syn::Local) {
        let pat = match &local.pat {
            Pat::Type(typed) => &typed.pat,
            pat => pat,
        };
        match (pat, &local.init) {
            (Pat::Ident(bound), Some(init)) => {
                self.visit_expr(&init.expr);
                self.bind(bound, Some(&init.expr));
            }
            _ => visit::visit_local(self, local),
        }
    }

    fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
        let is_plain = pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none();
        let is_constant = pat.ident.to_string().starts_with(char::is_uppercase);
        if !(is_plain && is_constant) {
            self.bind(pat, None);
        }
        visit::visit_pat_ident(self, pat);
    }

    fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
        self.changes(&assign.left);
        visit::visit_expr_assign(self, assign);
    }

    fn visit_expr_reference(&mut self, reference: &'ast syn::ExprReference) {
        if reference.mutability.is_some() {
            self.changes(&reference.expr);
        }
        visit::visit_expr_reference(self, reference);
    }

    /// As far as the arguments are expressions. `name = value` among them names an argument.
    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        let arguments = invoked.parse_body_with(arguments).unwrap_or_default();
        for argument in &arguments {
            match argument {
                Expr::Assign(named) => self.visit_expr(&named.right),
                other => self.visit_expr(other),
            }
        }
    }
}

/// Whether what an expression gives may be changed through it.
fn may_change(expr: &Expr) -> bool {
    struct Borrows(bool);
    impl<'ast> Visit<'ast> for Borrows {
        fn visit_expr_reference(&mut self, reference: &'ast syn::ExprReference) {
            self.0 |= reference.mutability.is_some();
            visit::visit_expr_reference(self, reference);
        }
    }
    let mut borrows = Borrows(false);
    borrows.visit_expr(expr);
    borrows.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::map::expr::source_of;

    fn variables(source: &str) -> Vec<String> {
        let function: syn::ItemFn = syn::parse_str(source).unwrap_or_else(|why| panic!("{why}"));
        let locals = of(&function.sig, &function.block);
        let shown = locals.iter().map(|(name, variable)| match variable {
            Variable::Is(expr) => format!("{name} is {}", source_of(expr)),
            Variable::Given => format!("{name} given"),
            Variable::Uncertain => format!("{name} uncertain"),
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort();
        shown
    }

    #[test]
    fn only_what_is_bound_once_and_never_changed_is_certain() {
        for (source, expected) in [
            (
                "fn f() { let p = 1; { let q: u8 = 2; } }",
                &["p is 1", "q is 2"][..],
            ),
            (
                "fn f(p: u8) { let (q, r) = p; }",
                &["p given", "q given", "r given"],
            ),
            ("fn f() { let mut p = 1; }", &["p uncertain"]),
            ("fn f() { let p; p = 1; }", &["p uncertain"]),
            ("fn f() { let p = 1; (p, q.r) = g(); }", &["p uncertain"]),
            ("fn f() { let p = 1; g(&mut p); }", &["p uncertain"]),
            ("fn f() { let p = &mut g(); }", &["p uncertain"]),
            ("fn f() { let p = 1; let p = 2; }", &["p uncertain"]),
            ("fn f() { let p = 1; { let r#p = 2; } }", &["p uncertain"]),
            ("fn f(p: u8) { let p = 1; }", &["p uncertain"]),
            ("fn f() { let p = 1; for p in q {} }", &["p uncertain"]),
            (
                "fn f() { let p = 1; if let Some(p) = q {} }",
                &["p uncertain"],
            ),
            (
                "fn f() { let p = 1; while let [p, ..] = q {} }",
                &["p uncertain"],
            ),
            (
                "fn f() { let p = 1; match q { A { p } => 1, _ => 2 }; }",
                &["p uncertain"],
            ),
            (
                "fn f() { let p = 1; match q { r @ 1 => 1, NONE => 2 }; }",
                &["p is 1", "r given"],
            ),
            ("fn f() { let p = 1; q.map(|p| p); }", &["p uncertain"]),
            (
                "fn f() { let p = 1; join!(async { let p = 2; }); }",
                &["p uncertain"],
            ),
            (
                "fn f() { let p = 1; info!(p = 2); fn g(p: u8) {} }",
                &["p is 1"],
            ),
            (
                "fn f() { #[cfg(test)] let p = 1; #[cfg(not(test))] let p = 2; }",
                &["p is 2"],
            ),
        ] {
            assert_eq!(variables(source), expected, "{source}");
        }
    }
}
