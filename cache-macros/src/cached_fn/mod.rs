//! From options and signature to one [`CachedFn`] that expansion cannot misread, or every error.

pub(crate) mod rules;

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Expr, FnArg, Ident, LitStr, Type};

use crate::errors::Errors;
use crate::expand::companions;
use crate::function::Function;
use crate::function::generic::{self, Surroundings};
use crate::function::mentions::mentions;
use crate::function::owned::Owned;
use crate::function::signature::{Form, Shape};
use crate::options::http::{self, Answer};
use crate::options::policy::Policy;
use crate::options::{self, Args};
use crate::template::Template;
use crate::template::pattern;
use crate::template::placeholder::{Part, Place, Scope};

/// A function that can be cached, and how.
pub(crate) struct CachedFn {
    pub(crate) function: Function,
    pub(crate) shape: Shape,
    pub(crate) role: Role,
    /// The path of the runtime crate.
    pub(crate) runtime: TokenStream,
    /// Its name in the statistics, an expression.
    pub(crate) name: TokenStream,
    pub(crate) ttl: Option<options::Ttl>,
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) near: Option<options::Near>,
    pub(crate) policy: Policy,
    pub(crate) answer: Answer,
    /// The types of a read's arguments that its key holds.
    pub(crate) types_in_key: Vec<Type>,
    /// What the body takes along, where it may run in the background.
    pub(crate) owned: Option<Owned>,
    /// The body's future may be bound to its thread.
    pub(crate) as_it_is: bool,
    pub(crate) when: Option<Expr>,
    pub(crate) cache: Option<Expr>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) always: bool,
    pub(crate) tags: Vec<Pattern>,
    /// Tags that an expression gives.
    pub(crate) given_tags: Option<GivenTags>,
    pub(crate) surroundings: Surroundings,
    pub(crate) companions: Companions,
}

/// `tags = expression`
pub(crate) struct GivenTags {
    pub(crate) expr: Expr,
    /// Whether it reads the success value.
    pub(crate) is_late: bool,
}

/// What a call does.
pub(crate) enum Role {
    /// Answers from the cache; runs the body on a miss.
    Read(Key),
    /// Runs the body and stores its result.
    Put(Key),
    /// Runs the body and removes entries.
    Write,
}

/// How the key of a call comes about.
pub(crate) enum Key {
    Template {
        literals: Vec<String>,
        parts: Vec<Part>,
    },
    /// From the function's path, `types` (expressions that name types) and all arguments.
    Automatic {
        types: Vec<TokenStream>,
        parts: Vec<Part>,
    },
    Expr(Expr),
}

/// One entry of `invalidates` or `tags`.
pub(crate) struct Pattern {
    pub(crate) literals: Vec<String>,
    pub(crate) parts: Vec<Part>,
}

/// Where the companions stand, if there are any.
pub(crate) enum Companions {
    None,
    /// A type of this name beside a free function.
    Type(Ident),
    /// Associated functions that begin with this name, beside a method.
    Methods(Ident),
}

impl CachedFn {
    /// Checks the options against the signature and against one another.
    pub(crate) fn new(args: Args, mut function: Function) -> syn::Result<Self> {
        rules::arguments_are_decided(&function)?;
        let mut errors = Errors::default();
        rules::check_function(&function, &mut errors);
        let shape = match Shape::of(&function) {
            Ok(shape) => shape,
            Err(error) => return Err(errors.and(error)),
        };
        rules::check_options(&args, &shape, &mut errors);
        let reader = Reader::of(&args, &function, &shape);
        let key = reader.key(&args, &mut errors);
        let patterns = reader.patterns(args.invalidates.value(), pattern::invalidated, &mut errors);
        let tags = reader.patterns(rules::listed_tags(&args), pattern::tag, &mut errors);
        let given_tags = reader.given_tags(&args);
        let companions = reader.companions(&args);
        let surroundings = reader.surroundings(key.as_ref(), &companions, &args);
        let name = reader.name(&args);
        let role = match key {
            Some(key) if args.put.is_given() => Role::Put(key),
            Some(key) => Role::Read(key),
            None => Role::Write,
        };
        let types_in_key = match &role {
            Role::Read(key) => http::types_in_key(key, &shape),
            Role::Put(_) | Role::Write => Vec::new(),
        };
        let owned = match (&role, args.policy.ahead()) {
            (Role::Read(_), Some(option)) => {
                Some(Owned::of(option, &shape, args.when.value(), &mut errors))
            }
            _ => None,
        };
        let runtime = args
            .krate
            .value()
            .map_or_else(|| quote!(::cache_runtime), |path| quote!(#path));
        errors.finish(())?;
        if let Some(owned) = &owned {
            owned.release(&mut function.sig);
        }
        Ok(Self {
            role,
            runtime,
            name,
            always: args.always.is_given(),
            ttl: args.ttl.take(),
            none_ttl: args.none_ttl.take(),
            near: args.near.take(),
            policy: args.policy,
            answer: args.answer,
            types_in_key,
            owned,
            as_it_is: args.as_it_is.is_given() || shape.form.is_bound_to_its_thread(),
            when: args.when.take(),
            cache: args.cache.take(),
            patterns,
            tags,
            given_tags,
            surroundings,
            companions,
            function,
            shape,
        })
    }

    /// The key, for what has one.
    pub(crate) fn key(&self) -> Option<&Key> {
        match &self.role {
            Role::Read(key) | Role::Put(key) => Some(key),
            Role::Write => None,
        }
    }
}

impl Key {
    /// Does the key depend on this name?
    pub(crate) fn uses(&self, name: &str) -> bool {
        match self {
            Self::Template { parts, .. } | Self::Automatic { parts, .. } => {
                parts.iter().any(|part| part.base == name)
            }
            Self::Expr(expr) => mentions(expr, name),
        }
    }
}

/// Reads options that mention the function's parameters.
struct Reader<'a> {
    function: &'a Function,
    shape: &'a Shape,
    is_method: bool,
    /// Whether it could be a method, or is known to be none.
    may_be_method: bool,
}

impl<'a> Reader<'a> {
    fn of(args: &Args, function: &'a Function, shape: &'a Shape) -> Self {
        let is_method = is_method(args, function);
        let stands_alone = matches!(shape.form, Form::Async(_)) && !args.companions.is_given();
        Self {
            function,
            shape,
            is_method,
            may_be_method: is_method || !stands_alone,
        }
    }

    fn key(&self, args: &Args, errors: &mut Errors) -> Option<Key> {
        let skipped = self.skipped(args, errors);
        let is_skipped = |name: &Ident| skipped.iter().any(|skipped| skipped == name);
        let key = match args.key.value() {
            Some(options::Key::Template(text)) => errors.handle(self.template(text))?,
            Some(options::Key::Expr(expr)) => Key::Expr(expr.clone()),
            None if args.ttl.is_given() => self.automatic(is_skipped),
            None => return None,
        };
        let sig = &self.function.sig;
        rules::check_arguments(&key, self.shape, &sig.ident, is_skipped, errors);
        generic::check(
            &key,
            &sig.generics,
            self.shape,
            &sig.ident,
            is_skipped,
            errors,
        );
        if let (true, Some(own)) = (
            key.uses("Self"),
            skipped.iter().find(|name| *name == "Self"),
        ) {
            errors.at(
                own.span(),
                format!(
                    "`Self` is in the key of `{}` and skipped; it can only be one",
                    sig.ident
                ),
            );
        }
        Some(key)
    }

    fn surroundings(
        &self,
        key: Option<&Key>,
        companions: &Companions,
        args: &Args,
    ) -> Surroundings {
        let is_skipped = rules::skips(args, "Self");
        match (key, companions) {
            (None, _) => Surroundings::Left,
            (Some(Key::Automatic { .. }), Companions::Type(name)) => {
                Surroundings::Beside(name.clone())
            }
            (_, Companions::Type(_)) => Surroundings::Left,
            (Some(Key::Automatic { .. }), _) if is_skipped => Surroundings::AnyOwner,
            (Some(Key::Automatic { .. }), _) => Surroundings::Owner,
            (Some(key), _) if is_skipped || key.uses("Self") => Surroundings::Left,
            (Some(_), _) => Surroundings::Instance,
        }
    }

    fn given_tags(&self, args: &Args) -> Option<GivenTags> {
        let Some(options::Tags::Given(expr)) = args.tags.value() else {
            return None;
        };
        let is_late = mentions(expr, "result") && self.shape.name("result").is_none();
        Some(GivenTags {
            expr: expr.clone(),
            is_late,
        })
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

    fn automatic(&self, is_skipped: impl Fn(&Ident) -> bool) -> Key {
        let arguments = self
            .shape
            .arguments
            .iter()
            .filter(|argument| !argument.skips_itself);
        let names = arguments
            .flat_map(|argument| &argument.names)
            .filter(|name| !is_skipped(name));
        let generics = &self.function.sig.generics;
        let constants = generics
            .const_params()
            .map(|constant| &constant.ident)
            .filter(|name| !is_skipped(name));
        Key::Automatic {
            types: generic::types(generics, self.shape, &is_skipped),
            parts: constants.chain(names).map(Part::whole).collect(),
        }
    }

    fn patterns(
        &self,
        texts: Option<&Vec<LitStr>>,
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
        texts
            .into_iter()
            .flatten()
            .filter_map(|text| errors.handle(one(text)))
            .collect()
    }

    /// All placeholders of a template, or all that is wrong with them.
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

    /// The names that do not shape the result.
    fn skipped(&self, args: &Args, errors: &mut Errors) -> Vec<Ident> {
        let listed = args.skip.value().into_iter().flatten();
        let known = listed.filter(|name| {
            errors
                .handle(rules::check_skipped(
                    name,
                    self.shape,
                    &self.function.sig,
                    self.may_be_method,
                ))
                .is_some()
        });
        let by_themselves = self
            .shape
            .arguments
            .iter()
            .filter(|argument| argument.skips_itself);
        known
            .chain(by_themselves.flat_map(|argument| &argument.names))
            .cloned()
            .collect()
    }

    fn companions(&self, args: &Args) -> Companions {
        let has_entry = args.key.is_given() || args.ttl.is_given();
        match args.companions.value() {
            Some(options::Companions::None) => Companions::None,
            Some(options::Companions::Named(name)) if self.is_method => {
                Companions::Methods(name.clone())
            }
            Some(options::Companions::Named(name)) => Companions::Type(name.clone()),
            None if has_entry && !self.may_be_method && !is_primitive(&self.function.sig.ident) => {
                Companions::Type(self.function.sig.ident.clone())
            }
            None => Companions::None,
        }
    }

    fn name(&self, args: &Args) -> TokenStream {
        match args.name.value() {
            Some(name) => quote!(#name),
            None => {
                let path = format!("::{}", self.function.sig.ident);
                quote!(::core::concat!(::core::module_path!(), #path))
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let own = self.shape.receiver.as_ref().map(|_| "self".to_owned());
        self.shape
            .names()
            .map(ToString::to_string)
            .chain(own)
            .collect()
    }
}

/// A type of such a name would stand for the real one in its whole module.
fn is_primitive(name: &Ident) -> bool {
    const PRIMITIVES: [&str; 17] = [
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64",
    ];
    PRIMITIVES.iter().any(|primitive| name == primitive)
}

/// Only inside an `impl` or a trait can a function, or an option of it, say `self` or `Self`.
fn is_method(args: &Args, function: &Function) -> bool {
    let sig = &function.sig;
    let body = &function.body;
    sig.inputs
        .iter()
        .any(|input| matches!(input, FnArg::Receiver(_)))
        || mentions(quote!(#sig #body), "Self")
        || args.mention_self()
}

impl Companions {
    /// The function that gives the call site, where companions share it with the function.
    pub(crate) fn site(&self) -> Option<TokenStream> {
        match self {
            Self::None => None,
            Self::Type(name) => {
                let room = companions::room(name);
                Some(quote!(#room::#name::__site()))
            }
            Self::Methods(name) => {
                let site = format_ident!("__{name}_site");
                Some(quote!(Self::#site()))
            }
        }
    }
}
