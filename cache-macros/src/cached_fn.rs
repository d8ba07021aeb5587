//! From options and signature to one [`CachedFn`] that expansion cannot misread, or every error.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Expr, FnArg, GenericParam, Ident, LitStr, Type};

use crate::answer::{self, Answer};
use crate::args::{self, Args};
use crate::errors::Errors;
use crate::item::Function;
use crate::mentions::mentions;
use crate::owned::Owned;
use crate::placeholder::{Part, Place};
use crate::policy::Policy;
use crate::signature::{Form, Shape};
use crate::template::Template;
use crate::{pattern, rules};

/// A function that can be cached, and how.
pub(crate) struct CachedFn {
    pub(crate) function: Function,
    pub(crate) shape: Shape,
    pub(crate) role: Role,
    /// The path of the runtime crate.
    pub(crate) runtime: TokenStream,
    /// Its name in the statistics, an expression.
    pub(crate) name: TokenStream,
    pub(crate) ttl: Option<args::Ttl>,
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) near: Option<args::Near>,
    pub(crate) policy: Policy,
    pub(crate) answer: Answer,
    /// The types of a read's arguments that its key holds.
    pub(crate) types_in_key: Vec<Type>,
    /// What the body takes along, where it may run in the background.
    pub(crate) owned: Option<Owned>,
    pub(crate) when: Option<Expr>,
    pub(crate) cache: Option<Expr>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) always: bool,
    pub(crate) tags: Vec<Pattern>,
    pub(crate) companions: Companions,
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
        let mut errors = Errors::default();
        rules::check_function(&function, &mut errors);
        let shape = match Shape::of(&function) {
            Ok(shape) => shape,
            Err(error) => return Err(errors.and(error)),
        };
        rules::check_options(&args, &shape, &mut errors);
        let reader = Reader {
            function: &function,
            shape: &shape,
        };
        let key = reader.key(&args, &mut errors);
        let patterns = reader.patterns(args.invalidates.value(), pattern::invalidated, &mut errors);
        let tags = reader.patterns(args.tags.value(), pattern::tag, &mut errors);
        let companions = reader.companions(&args);
        let name = reader.name(&args);
        let role = match key {
            Some(key) if args.put.is_given() => Role::Put(key),
            Some(key) => Role::Read(key),
            None => Role::Write,
        };
        let types_in_key = match &role {
            Role::Read(key) => answer::types_in_key(key, &shape),
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
            when: args.when.take(),
            cache: args.cache.take(),
            patterns,
            tags,
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
}

impl Reader<'_> {
    fn key(&self, args: &Args, errors: &mut Errors) -> Option<Key> {
        let skipped = self.skipped(args, errors);
        let is_skipped = |name: &Ident| skipped.iter().any(|skipped| skipped == name);
        let key = match args.key.value() {
            Some(args::Key::Template(text)) => errors.handle(self.template(text))?,
            Some(args::Key::Expr(expr)) => Key::Expr(expr.clone()),
            None if args.ttl.is_given() => self.automatic(is_skipped),
            None => return None,
        };
        rules::check_arguments(
            &key,
            self.shape,
            &self.function.sig.ident,
            is_skipped,
            errors,
        );
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

    fn automatic(&self, is_skipped: impl Fn(&Ident) -> bool) -> Key {
        let arguments = self
            .shape
            .arguments
            .iter()
            .filter(|argument| !argument.skips_itself);
        let names = arguments
            .flat_map(|argument| &argument.names)
            .filter(|name| !is_skipped(name));
        let constants = self
            .function
            .sig
            .generics
            .const_params()
            .map(|constant| &constant.ident);
        Key::Automatic {
            types: self.types(),
            parts: constants.chain(names).map(Part::whole).collect(),
        }
    }

    /// What tells the instances of a generic function apart, and the types that share a trait's
    /// method. `impl Trait` has no name, but its value has a type.
    fn types(&self) -> Vec<TokenStream> {
        let sig = &self.function.sig;
        let parameters = sig
            .generics
            .params
            .iter()
            .filter_map(|parameter| match parameter {
                GenericParam::Type(parameter) => {
                    let ident = &parameter.ident;
                    Some(quote!(::core::any::type_name::<#ident>()))
                }
                _ => None,
            });
        let opaque = self.shape.arguments.iter().filter_map(|argument| {
            match (&*argument.typed.ty, argument.names.as_slice()) {
                (Type::ImplTrait(_), [name]) => Some(quote!(::core::any::type_name_of_val(&#name))),
                _ => None,
            }
        });
        let own = self
            .is_method()
            .then(|| quote!(::core::any::type_name::<Self>()));
        own.into_iter().chain(parameters).chain(opaque).collect()
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
        let function = self.function.sig.ident.to_string();
        let mut errors = Errors::default();
        let parts = template.placeholders.iter().filter_map(|text| {
            let part = Part::parse(text, place, self.shape, &function, at);
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
                    &self.function.sig.ident,
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
            Some(args::Companions::None) => Companions::None,
            Some(args::Companions::Named(name)) if self.is_method() => {
                Companions::Methods(name.clone())
            }
            Some(args::Companions::Named(name)) => Companions::Type(name.clone()),
            None if has_entry && !self.is_method() && matches!(self.shape.form, Form::Async(_)) => {
                Companions::Type(self.function.sig.ident.clone())
            }
            None => Companions::None,
        }
    }

    /// Only inside an `impl` or a trait can a function say `self` or `Self`.
    fn is_method(&self) -> bool {
        let sig = &self.function.sig;
        let body = &self.function.body;
        sig.inputs
            .iter()
            .any(|input| matches!(input, FnArg::Receiver(_)))
            || mentions(quote!(#sig #body), "Self")
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

impl Companions {
    /// The function that gives the call site, where companions share it with the function.
    pub(crate) fn site(&self) -> Option<TokenStream> {
        match self {
            Self::None => None,
            Self::Type(name) => Some(quote!(#name::__site())),
            Self::Methods(name) => {
                let site = format_ident!("__{name}_site");
                Some(quote!(Self::#site()))
            }
        }
    }
}
