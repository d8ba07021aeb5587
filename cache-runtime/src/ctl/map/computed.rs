//! Reads the expressions of `invalidates`, as far as what they name is in the source.

use syn::{Expr, ExprCall, ExprMethodCall};

use crate::ctl::map::calls::{everything, prefixed, tagged};
use crate::ctl::map::expr::{last_but_one, last_name, path_of, plain};
use crate::ctl::map::function::{Removal, Removed};
use crate::ctl::map::imports::Imports;
use crate::ctl::map::reading::{PASSES_ON, Reading};
use crate::ctl::map::shape::Covered;
use crate::ctl::map::text::Text;

/// Reads expressions of one attribute.
#[derive(Clone, Copy)]
pub(super) struct Computed<'a> {
    pub(super) reading: Reading<'a>,
    pub(super) imports: &'a Imports,
    pub(super) line: usize,
}

impl Computed<'_> {
    /// All that the expression may name, whatever its conditions are; `None` if some of it is not in the source.
    pub(super) fn removals(self, expr: &Expr) -> Option<Vec<Removal>> {
        match plain(expr) {
            Expr::Array(list) => self.all(list.elems.iter()),
            Expr::Repeat(list) => self.removals(&list.expr),
            Expr::If(branches) => {
                let then = self.of_block(&branches.then_branch)?;
                match &branches.else_branch {
                    Some((_, other)) => Some([then, self.removals(other)?].concat()),
                    None => Some(then),
                }
            }
            Expr::Match(arms) => self.all(arms.arms.iter().map(|arm| &*arm.body)),
            Expr::Block(block) => self.of_block(&block.block),
            Expr::Path(path) if path.path.is_ident("None") => Some(Vec::new()),
            Expr::Call(call) if last_name(&call.func).as_deref() == Some("Some") => {
                self.removals(call.args.first()?)
            }
            Expr::Call(call) => self.of_call(call).or_else(|| self.one(expr)),
            Expr::MethodCall(call) => self.of_method(call).or_else(|| self.one(expr)),
            _ => self.one(expr),
        }
    }

    fn all<'e>(self, exprs: impl Iterator<Item = &'e Expr>) -> Option<Vec<Removal>> {
        let read: Option<Vec<_>> = exprs.map(|expr| self.removals(expr)).collect();
        read.map(|removals| removals.concat())
    }

    /// A block without statements before its value: those could change what the names in it stand for.
    fn of_block(self, block: &syn::Block) -> Option<Vec<Removal>> {
        match block.stmts.as_slice() {
            [syn::Stmt::Expr(value, None)] => self.removals(value),
            _ => None,
        }
    }

    /// `list_jobs::key(7)`, `Pattern::tag(…)`
    fn of_call(self, call: &ExprCall) -> Option<Vec<Removal>> {
        let (mut path, first) = (path_of(&call.func), call.args.first());
        let is_pattern = last_but_one(&call.func).as_deref() == Some("Pattern");
        let last = path.pop()?;
        match (is_pattern, last.as_str(), first) {
            (true, "all", None) => Some(vec![everything(self.line)]),
            (true, "tag", Some(tag)) => self.tag(tag),
            (true, "key", Some(key)) => {
                let text = self.reading.key(key)?;
                let covered = Covered::Keys(text.shape());
                Some(vec![self.removal(format!("={text}"), covered)])
            }
            (true, "from", Some(typed)) => self.one(typed),
            (false, "key", _) if !path.is_empty() => {
                let written = format!("{}(…)", path_of(&call.func).join("::"));
                let path = self.imports.full(path);
                let what = Removed::Companion { path, all: false };
                Some(vec![Removal {
                    written,
                    line: self.line,
                    what,
                }])
            }
            _ => None,
        }
    }

    /// `list.iter().map(|id| …)`, `is_public.then(|| …)`
    fn of_method(self, call: &ExprMethodCall) -> Option<Vec<Removal>> {
        let method = call.method.to_string();
        let given = || match call.args.first()? {
            Expr::Closure(each) => self.removals(&each.body),
            _ => None,
        };
        match method.as_str() {
            "map" | "flat_map" | "filter_map" | "then" => given(),
            "then_some" => self.removals(call.args.first()?),
            "chain" => {
                let first = self.removals(&call.receiver)?;
                Some([first, self.removals(call.args.first()?)?].concat())
            }
            "filter" | "flatten" => self.removals(&call.receiver),
            _ if PASSES_ON.contains(&method.as_str()) => self.removals(&call.receiver),
            _ => None,
        }
    }

    /// A key, a prefix or a tag.
    fn one(self, expr: &Expr) -> Option<Vec<Removal>> {
        if let Some(key) = self.reading.key(expr) {
            let covered = Covered::Keys(key.shape().or_below());
            return Some(vec![self.removal(key.to_string(), covered)]);
        }
        if let Some(prefix) = self.reading.prefix(expr) {
            return Some(vec![prefixed(&prefix, self.line)]);
        }
        self.tag(expr)
    }

    fn tag(self, expr: &Expr) -> Option<Vec<Removal>> {
        let tag: Text = self.reading.tag(expr)?;
        Some(vec![tagged(&[tag], self.line)])
    }

    fn removal(self, written: String, covered: Covered) -> Removal {
        Removal {
            written,
            line: self.line,
            what: Removed::Entries(covered),
        }
    }
}
