//! Finds the functions of a file that store, remove, or have a comment for this command.

use std::collections::BTreeSet;
use std::time::Duration;

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, Generics, Signature, Token};

use crate::ctl::map::calls::{self, Done};
use crate::ctl::map::function::{Function, Place, Removal, Unread};
use crate::ctl::map::imports::Imports;
use crate::ctl::map::names::Known;
use crate::ctl::map::notes::{Notes, is_misplaced, is_note};
use crate::ctl::map::numbers::numbers;
use crate::ctl::map::options::Options;
use crate::ctl::map::place_in_crate::PlaceInCrate;
use crate::ctl::map::reading::Reading;
use crate::ctl::map::skipped::{is_for_tests, of_item, without_tests};
use crate::ctl::map::source::Source;
use crate::ctl::map::stored::{Owner, Written, removed, stored};
use crate::ctl::map::variables::{self, Locals};

/// The surroundings that all functions of a file share.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) source: &'a Source,
    pub(super) names: Known<'a>,
    pub(super) place: &'a PlaceInCrate,
    /// `CACHE_DEFAULT_TTL`
    pub(super) default_ttl: Duration,
}

/// The functions and comments that were found in a file.
#[derive(Default)]
pub(super) struct Found {
    pub(super) functions: Vec<Function>,
    /// Comments for this command that are above no function.
    pub(super) stray: Vec<usize>,
    /// Comments for this command in a form that is not read.
    pub(super) misplaced: Vec<usize>,
    /// Modules that exist in tests only, and are in files of their own: the names that lead to them from this file.
    pub(super) test_modules: Vec<Vec<String>>,
}

/// Finds the functions of a file.
pub(super) fn find(around: Around<'_>) -> Found {
    let mut finder = Finder {
        around,
        imports: Imports::of(&around.source.syntax),
        found: Found::default(),
        modules: around.place.modules.clone(),
        owner: None,
        blocks: Vec::new(),
        open: Vec::new(),
        noted: BTreeSet::new(),
    };
    finder.visit_file(&around.source.syntax);
    let noted = finder.noted;
    let source = around.source;
    let is_open = |line: &usize| !noted.contains(line) && !source.is_in_text(*line);
    finder.found.stray = (1..=source.lines.len())
        .filter(|line| source.line(*line).is_some_and(is_note))
        .filter(is_open)
        .collect();
    let is_misplaced = |line: &usize| {
        let is_in_text = |column| source.is_in_literal(*line, column);
        (source.line(*line)).is_some_and(|text| is_misplaced(text, is_in_text))
    };
    finder.found.misplaced = (1..=source.lines.len())
        .filter(is_misplaced)
        .filter(is_open)
        .collect();
    finder.found
}

struct Finder<'a> {
    around: Around<'a>,
    imports: Imports,
    found: Found,
    modules: Vec<String>,
    owner: Option<Owner>,
    /// The options that `#[cached_defaults]` gives to functions here, those of the innermost block last.
    blocks: Vec<Options>,
    /// The functions around the place, the innermost last.
    open: Vec<(Function, Locals)>,
    /// Lines with comments that belong to a function, or to code of tests.
    noted: BTreeSet<usize>,
}

impl Finder<'_> {
    fn function(&mut self, attrs: &[Attribute], sig: &Signature, block: &Block, first: usize) {
        let line = sig.ident.span().start().line;
        if is_for_tests(attrs) {
            self.skip(first, block.span().end().line);
            return;
        }
        let notes = self.notes(first, line);
        let stated = notes.removes.iter();
        let function = Function {
            name: self.name(&sig.ident.to_string()),
            module: self.modules.clone(),
            place: self.place(line),
            stores: Vec::new(),
            removes: stated
                .map(|(text, line)| Removal::template(text, *line, |_| false))
                .collect(),
            notes,
            unread: Vec::new(),
        };
        let owner = self.owner.take();
        let locals = variables::of(sig, block);
        self.open.push((function, locals));
        let blocks = std::mem::take(&mut self.blocks);
        self.visit_block(block);
        self.blocks = blocks;
        if let Some((mut function, _)) = self.open.pop() {
            let written = Written {
                sig,
                owner: owner.as_ref(),
                crate_name: self.around.place.name.as_deref(),
                modules: self.open.is_empty().then_some(self.modules.as_slice()),
                mentions_self: mentions_self(sig, block),
                numbers: numbers(sig),
            };
            self.options(attrs, &written, &mut function);
            self.keep(function);
        }
        self.owner = owner;
    }

    /// Adds what the attributes of a function say.
    fn options(&self, attrs: &[Attribute], written: &Written<'_>, function: &mut Function) {
        let (names, default_ttl) = (self.around.names, self.around.default_ttl);
        // They do not see the variables of the body.
        let locals = Locals::new();
        let reading = Reading::new(names, &locals);
        for options in Options::all(attrs, &self.imports, &self.blocks) {
            let options = match options {
                Ok(options) => options,
                Err(why) => {
                    function.unread.push(Unread {
                        line: function.place.line,
                        what: format!("the options of `#[cached]` are not understood: {why}"),
                        remedy: "correct them; the compiler says more".to_owned(),
                    });
                    continue;
                }
            };
            removed(&options, written, function, reading, &self.imports);
            if options.stores() {
                let store = stored(&options, written, function, reading, default_ttl);
                function.stores.push(store);
            }
        }
    }

    /// Keeps a function that has to do with the cache.
    fn keep(&mut self, function: Function) {
        let Function {
            stores,
            removes,
            notes,
            unread,
            ..
        } = &function;
        let concerns = !stores.is_empty() || !removes.is_empty() || !unread.is_empty();
        if concerns || *notes != Notes::default() {
            self.found.functions.push(function);
        }
    }

    /// `Repo<T>::list`, or `outer::inner` for a function within another.
    fn name(&self, ident: &str) -> String {
        match (&self.owner, self.open.last()) {
            (Some(owner), _) => format!("{}::{ident}", owner.name),
            (None, Some((outer, _))) => format!("{}::{ident}", outer.name),
            (None, None) => ident.to_owned(),
        }
    }

    fn place(&self, line: usize) -> Place {
        Place {
            file: self.around.source.file.clone(),
            line,
        }
    }

    /// The comments above a function: those right above its first line, and those between its attributes.
    fn notes(&mut self, first: usize, name: usize) -> Notes {
        let source = self.around.source;
        let mut notes = Notes::default();
        for line in self.with_comments(first)..name {
            if let Some(text) = source.line(line).filter(|_| !source.is_in_text(line)) {
                notes.add(text, line);
                if is_note(text) {
                    self.noted.insert(line);
                }
            }
        }
        notes
    }

    /// The first of the comments that lead to a line without a gap; the line itself if there are none.
    fn with_comments(&self, first: usize) -> usize {
        let source = self.around.source;
        let is_comment = |line: &usize| {
            let text = source.line(*line).map(str::trim_start);
            text.is_some_and(|text| text.starts_with("//"))
        };
        let above = (1..first).rev().take_while(is_comment).last();
        above.unwrap_or(first)
    }

    /// Leaves out lines of tests.
    fn skip(&mut self, first: usize, last: usize) {
        self.noted.extend(self.with_comments(first)..=last);
    }

    fn leave_out(&mut self, span: Span) {
        self.skip(span.start().line, span.end().line);
    }

    fn done(&mut self, done: Option<Done>) {
        let Some((function, _)) = self.open.last_mut() else {
            return;
        };
        match done {
            Some(Done::Removes(removal)) => function.removes.push(removal),
            Some(Done::Stores(store)) => function.stores.push(*store),
            // A comment says it instead.
            Some(Done::Unread(_)) if !function.notes.removes.is_empty() => {}
            Some(Done::Unread(unread)) => function.unread.push(unread),
            None => {}
        }
    }

    fn within(&mut self, owner: Option<Owner>, attrs: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        let blocks = self.blocks.len();
        self.blocks.extend(Options::shared(attrs, &self.imports));
        visit(self);
        self.blocks.truncate(blocks);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    without_tests!();

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let is_module = matches!(item, syn::Item::Mod(_));
        match is_for_tests(of_item(item)) && !is_module {
            true => self.leave_out(item.span()),
            false => visit::visit_item(self, item),
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        if is_for_tests(&item.attrs) {
            self.leave_out(item.span());
            if item.content.is_none() {
                let within = self.modules.iter().skip(self.around.place.modules.len());
                let path = within.cloned().chain([name]).collect();
                self.found.test_modules.push(path);
            }
            return;
        }
        self.modules.push(name);
        let visit = |finder: &mut Self| visit::visit_item_mod(finder, item);
        self.within(None, &item.attrs, visit);
        self.modules.pop();
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = Owner {
            name: in_one_line(&item.self_ty.span().source_text().unwrap_or_default()),
            is_generic: has_instances(&item.generics),
            is_local: item.trait_.is_none(),
        };
        let visit = |finder: &mut Self| visit::visit_item_impl(finder, item);
        self.within(Some(owner), &item.attrs, visit);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let owner = Owner {
            name: item.ident.to_string(),
            is_generic: true,
            is_local: false,
        };
        let visit = |finder: &mut Self| visit::visit_item_trait(finder, item);
        self.within(Some(owner), &item.attrs, visit);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let first = item.span().start().line;
        let owner = self.owner.take();
        self.function(&item.attrs, &item.sig, &item.block, first);
        self.owner = owner;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let first = item.span().start().line;
        self.function(&item.attrs, &item.sig, &item.block, first);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            let first = item.span().start().line;
            self.function(&item.attrs, &item.sig, block, first);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if let Some((_, locals)) = self.open.last() {
            let (line, names) = (call.method.span().start().line, self.around.names);
            let done = calls::of_method(call, line, &self.imports, Reading::new(names, locals));
            self.done(done);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let done = calls::of_path(call, call.func.span().end().line, &self.imports);
        self.done(done);
        visit::visit_expr_call(self, call);
    }

    /// The arguments of a macro, if they are expressions, as those of `join!` and `assert!` are.
    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(arguments) = invoked.parse_body_with(arguments) {
            for argument in &arguments {
                self.visit_expr(argument);
            }
        }
    }
}

/// Whether a function says `self` or `Self`, by which the attribute knows a method.
fn mentions_self(sig: &Signature, block: &Block) -> bool {
    let mut search = SelfSearch(sig.receiver().is_some());
    search.visit_signature(sig);
    search.visit_block(block);
    search.0
}

struct SelfSearch(bool);

impl<'ast> Visit<'ast> for SelfSearch {
    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        self.0 |= ident == "Self";
    }
}

/// Whether there may be several instances: lifetimes make none.
fn has_instances(generics: &Generics) -> bool {
    generics.type_params().next().is_some() || generics.const_params().next().is_some()
}

fn in_one_line(source: &str) -> String {
    source.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
