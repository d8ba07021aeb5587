//! Options that name parameters of the function, resolved against its signature.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Expr, FnArg, Ident, LitStr};

use crate::cached_fn::companions::Companions;
use crate::cached_fn::key::Key;
use crate::cached_fn::key_rules::{self, KeyRules};
use crate::cached_fn::pattern::{Computed, Pattern};
use crate::cached_fn::rules;
use crate::cached_fn::surroundings::Surroundings;
use crate::errors::Errors;
use crate::function::Function;
use crate::function::generic;
use crate::function::mentions::mentions;
use crate::function::signature::{Form, Shape};
use crate::options::{Options, entries};
use crate::template::placeholder::{Part, Place, Scope};
use crate::template::{Template, pattern};

const NEEDS_BOUNDS: &str = "this expression uses `result`, so what it names is known only after the body\n\
    help: say what it may name at most, as in `invalidates_within = \"jobs:\"`: until the body has ended, its own calls do not use \
    the cache for that, and all of it is removed if the body panics or its caller goes away; `\"*\"` is everything";

const NEEDS_NO_BOUNDS: &str = "`invalidates_within` says what an expression of `invalidates` that uses `result` may name at most, and \
    this function has no such expression";

const BOUNDS_ARE_KNOWN_BEFORE: &str =
    "`invalidates_within` is needed before the body runs, so it cannot contain `<result…>`";

/// The options of a function, beside its signature.
pub(super) struct Resolver<'a> {
    options: &'a Options,
    function: &'a Function,
    shape: &'a Shape,
    /// Whether it is a method for certain.
    is_method: bool,
    /// Whether it may be a method. A function that gets companions unasked is none, because their module would
    /// not compile in an `impl`.
    may_be_method: bool,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(options: &'a Options, function: &'a Function, shape: &'a Shape) -> Self {
        let is_method = options.is_in_impl || is_method(options, function);
        let has_companions =
            matches!(shape.form, Form::Async(_) | Form::Sync(_)) && !options.companions.is_given();
        Self {
            options,
            function,
            shape,
            is_method,
            may_be_method: is_method || !has_companions,
        }
    }

    /// The key, if the function stores something.
    pub(super) fn key(&self, errors: &mut Errors) -> Option<Key> {
        let mut skipped = self.skipped(errors);
        let key = match self.options.key.value() {
            Some(entries::Key::Template(text)) => errors.handle(self.template(text))?,
            Some(entries::Key::Expr(expr)) => Key::Expr(expr.clone()),
            None if self.options.ttl.is_given() => self.automatic(&skipped),
            None => return None,
        };
        if self.options.skip_all.is_given() {
            let names = self.shape.names();
            skipped.extend(names.filter(|name| !key.uses(&name.to_string())).cloned());
        }
        let rules = KeyRules {
            key: &key,
            signature: &self.function.sig,
            shape: self.shape,
            skipped: &skipped,
        };
        rules.check(errors);
        Some(key)
    }

    fn template(&self, text: &LitStr) -> syn::Result<Key> {
        let template = Template::key(&text.value(), &self.names())
            .map_err(|error| syn::Error::new(text.span(), error))?;
        let parts = self.parts(&template, Place::Key, text.span())?;
        Ok(Key::Template {
            literals: template.literals,
            parts,
        })
    }

    /// The key of a function that states none.
    fn automatic(&self, skipped: &[Ident]) -> Key {
        let is_skipped = |name: &Ident| skipped.contains(name);
        let arguments = self.shape.arguments.iter();
        let names = arguments
            .filter(|argument| !argument.skips_itself)
            .flat_map(|argument| &argument.names);
        let generics = &self.function.sig.generics;
        let constants = generics.const_params().map(|constant| &constant.ident);
        let parts = constants.chain(names).filter(|name| !is_skipped(name));
        Key::Automatic {
            types: generic::types(generics, self.shape, is_skipped),
            parts: parts.map(Part::whole).collect(),
        }
    }

    /// The names that stay out of the key: those in `skip(…)`, and arguments that need no `skip`.
    fn skipped(&self, errors: &mut Errors) -> Vec<Ident> {
        let listed = self.options.skip.value().into_iter().flatten();
        let known = listed.filter(|name| {
            let (shape, signature) = (self.shape, &self.function.sig);
            let checked = key_rules::check_skipped(name, shape, signature, self.may_be_method);
            errors.handle(checked).is_some()
        });
        let arguments = self.shape.arguments.iter();
        let by_themselves = arguments.filter(|argument| argument.skips_itself);
        known
            .chain(by_themselves.flat_map(|argument| &argument.names))
            .cloned()
            .collect()
    }

    /// The part that the runtime adds to the key.
    pub(super) fn surroundings(&self, key: Option<&Key>, companions: &Companions) -> Surroundings {
        let mut skipped = self.options.skip.value().into_iter().flatten();
        let skips_self = skipped.any(|name| name == "Self");
        Surroundings::of(key, companions, skips_self)
    }

    /// The patterns of `invalidates`.
    pub(super) fn invalidated(&self, errors: &mut Errors) -> Vec<Pattern> {
        self.patterns(
            rules::listed_removals(self.options),
            pattern::invalidated,
            errors,
        )
    }

    /// The expressions of `invalidates`.
    pub(super) fn computed_removals(&self) -> Vec<Computed> {
        let removals = self.options.invalidates.value().into_iter().flatten();
        let expressions = removals.filter_map(entries::Removal::given);
        expressions.map(|expr| self.computed(expr)).collect()
    }

    /// The patterns of `invalidates_within`. They are known before the body, and an expression that is not has to have them.
    pub(super) fn within(&self, computed: &[Computed], errors: &mut Errors) -> Vec<Pattern> {
        let option = &self.options.invalidates_within;
        let open = computed.iter().find(|computed| computed.uses_result);
        match (option.name(), open) {
            (None, Some(open)) => errors.over(&open.expr, NEEDS_BOUNDS),
            (Some(name), None) => errors.at(name.span(), NEEDS_NO_BOUNDS),
            _ => {}
        }
        let within = self.patterns(
            option.value().into_iter().flatten(),
            pattern::invalidated,
            errors,
        );
        if let (Some(name), true) = (option.name(), within.iter().any(Pattern::uses_result)) {
            errors.at(name.span(), BOUNDS_ARE_KNOWN_BEFORE);
        }
        within
    }

    /// The texts of `tags`.
    pub(super) fn tags(&self, errors: &mut Errors) -> Vec<Pattern> {
        let texts = rules::listed_tags(self.options).into_iter().flatten();
        self.patterns(texts, pattern::tag, errors)
    }

    fn patterns<'t>(
        &self,
        texts: impl Iterator<Item = &'t LitStr>,
        read: impl Fn(&str, &[String]) -> Result<Template, String>,
        errors: &mut Errors,
    ) -> Vec<Pattern> {
        let names = self.names();
        let one = |text: &LitStr| {
            let template =
                read(&text.value(), &names).map_err(|error| syn::Error::new(text.span(), error))?;
            let parts = self.parts(&template, Place::Pattern, text.span())?;
            Ok(Pattern {
                literals: template.literals,
                parts,
            })
        };
        texts.filter_map(|text| errors.handle(one(text))).collect()
    }

    /// The expression of `tags`.
    pub(super) fn computed_tags(&self) -> Option<Computed> {
        match self.options.tags.value() {
            Some(entries::Tags::Given(expr)) => Some(self.computed(expr)),
            Some(entries::Tags::Listed(_)) | None => None,
        }
    }

    fn computed(&self, expr: &Expr) -> Computed {
        Computed {
            expr: expr.clone(),
            uses_result: mentions(expr, "result") && self.shape.name("result").is_none(),
        }
    }

    /// All placeholders of a template, or all errors in them.
    fn parts(&self, template: &Template, place: Place, at: Span) -> syn::Result<Vec<Part>> {
        let scope = Scope {
            shape: self.shape,
            signature: &self.function.sig,
            is_method: self.is_method,
            may_be_method: self.may_be_method,
        };
        let mut errors = Errors::default();
        let parts = template.placeholders.iter().filter_map(|text| {
            let part = Part::parse(text, place, &scope, at);
            errors.handle(part.map_err(|message| syn::Error::new(at, message)))
        });
        let parts = parts.collect();
        errors.finish(parts)
    }

    /// Where the companions stand.
    pub(super) fn companions(&self) -> Companions {
        let function = &self.function.sig.ident;
        Companions::of(self.options, function, self.is_method, self.may_be_method)
    }

    /// An expression for the name in the statistics.
    pub(super) fn name(&self) -> TokenStream {
        match self.options.name.value() {
            Some(name) => quote!(#name),
            None => {
                let path = format!("::{}", self.function.sig.ident);
                quote!(::core::concat!(::core::module_path!(), #path))
            }
        }
    }

    /// The names of all arguments, including `self`.
    fn names(&self) -> Vec<String> {
        let own = self.shape.receiver.as_ref().map(|_| "self".to_owned());
        let names = self.shape.names().map(ToString::to_string);
        names.chain(own).collect()
    }
}

/// Whether the function is a method for certain: only in an `impl` or a trait can the function or one of its
/// options say `self` or `Self`.
fn is_method(options: &Options, function: &Function) -> bool {
    let sig = &function.sig;
    let body = &function.body;
    let is_receiver = |input: &FnArg| matches!(input, FnArg::Receiver(_));
    sig.inputs.iter().any(is_receiver)
        || mentions(quote!(#sig #body), "Self")
        || options_mention_self(options)
}

fn options_mention_self(options: &Options) -> bool {
    let key = match options.key.value() {
        Some(entries::Key::Template(text)) => names_self(text),
        Some(entries::Key::Expr(expr)) => mentions(expr, "Self"),
        None => false,
    };
    let tags = match options.tags.value() {
        Some(entries::Tags::Listed(texts)) => texts.iter().any(names_self),
        Some(entries::Tags::Given(expr)) => mentions(expr, "Self"),
        None => false,
    };
    let mut skip = options.skip.value().into_iter().flatten();
    let mut invalidates = options.invalidates.value().into_iter().flatten();
    let invalidates = invalidates.any(|removal| match removal {
        entries::Removal::Template(text) => names_self(text),
        entries::Removal::Given(expr) => mentions(expr, "Self"),
    });
    let mut within = options.invalidates_within.value().into_iter().flatten();
    key || tags || skip.any(|name| name == "Self") || invalidates || within.any(names_self)
}

/// Whether a template has a placeholder `<Self>` or `<Self::…>`.
fn names_self(text: &LitStr) -> bool {
    let text = text.value();
    let mut placeholders = text.split('<').skip(1);
    placeholders.any(|inside| {
        let name = inside.trim_start().strip_prefix("Self");
        name.is_some_and(|rest| rest.trim_start().starts_with(['>', ':']))
    })
}
