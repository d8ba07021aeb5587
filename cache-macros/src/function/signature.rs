//! The signature: the names that parameters bind, whether and in which way the function is asynchronous, and
//! its return type.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{
    Expr, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, Receiver, ReturnType, Stmt,
    Type, TypeParamBound,
};

use crate::function::Function;
use crate::function::types::{first_type, inferred, inside, is_option, ungrouped, written};

/// The signature, as later steps need it.
pub(crate) struct Shape {
    pub(crate) form: Form,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) arguments: Vec<Argument>,
    /// The type of the awaited result.
    pub(crate) output: Output,
}

/// Whether and in which way the function is asynchronous.
pub(crate) enum Form {
    /// `async fn`, with its body.
    Async(TokenStream),
    /// `fn`, with its body.
    Sync(TokenStream),
    /// `fn` with a body that ends in `Box::pin(async move { … })`. `async_trait` generates this form.
    Boxed {
        before: Vec<Stmt>,
        pin: Box<Expr>,
        body: TokenStream,
        /// Whether the return type says `Send`.
        is_send: bool,
    },
}

impl Form {
    /// Whether the return type of the function says that its future need not be `Send`.
    pub(crate) fn is_bound_to_its_thread(&self) -> bool {
        matches!(self, Self::Boxed { is_send: false, .. })
    }
}

/// One parameter other than `self`.
pub(crate) struct Argument {
    pub(crate) typed: PatType,
    /// The names that its pattern binds; none for `_`.
    pub(crate) names: Vec<Ident>,
    /// Whether it stays out of the key without `skip`, because it does not change the result: an argument of
    /// type `State<_>`, or one that binds no name.
    pub(crate) skips_itself: bool,
}

/// The return type.
pub(crate) struct Output {
    /// The type as the user wrote it.
    pub(crate) written: Type,
    /// The type with `_` for every `impl Trait`.
    pub(crate) stated: Type,
    /// Whether the type has an `impl Trait`.
    pub(crate) is_opaque: bool,
    /// Whether the type is `()`.
    pub(crate) is_unit: bool,
}

impl Shape {
    /// Whether an argument is an `Option`, as its type is written.
    pub(crate) fn is_option(&self, name: &str) -> bool {
        let is_bound = |pattern: &Pat| match pattern {
            Pat::Ident(pattern) => pattern.ident == name && pattern.subpat.is_none(),
            _ => false,
        };
        self.arguments.iter().any(|argument| {
            let ty = &*argument.typed.ty;
            match &*argument.typed.pat {
                // An extractor: `Extension(user): Extension<Option<User>>`.
                Pat::TupleStruct(extractor) => {
                    extractor.elems.len() == 1
                        && extractor.elems.iter().all(is_bound)
                        && inside(ty).is_some_and(is_option)
                }
                pattern => is_bound(pattern) && is_option(ty),
            }
        })
    }

    /// Reads the signature. A function that returns a future in a form that cannot be taken apart is an error.
    pub(crate) fn of(function: &Function) -> syn::Result<Self> {
        let sig = &function.sig;
        let (form, output) = match sig.asyncness {
            Some(_) => (
                Form::Async(function.body.stream()),
                written_output(&sig.output, sig.ident.span()),
            ),
            None => match (boxed_output(&sig.output), future_in(&sig.output)) {
                (Some((output, is_send)), _) => boxed(function, output, is_send)?,
                (None, Some(future)) => return Err(not_async(sig, future)),
                (None, None) => (
                    Form::Sync(function.body.stream()),
                    written_output(&sig.output, sig.ident.span()),
                ),
            },
        };
        let receiver = sig.receiver().cloned();
        let arguments = sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(Argument::new(typed)),
            FnArg::Receiver(_) => None,
        });
        Ok(Self {
            form,
            receiver,
            arguments: arguments.collect(),
            output: Output::new(output),
        })
    }

    /// All names that the parameters bind, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        self.arguments.iter().flat_map(|argument| &argument.names)
    }

    /// The token of the parameter of this name. A placeholder needs its hygiene.
    pub(crate) fn name(&self, text: &str) -> Option<&Ident> {
        self.names().find(|name| *name == text)
    }
}

impl Argument {
    fn new(typed: &PatType) -> Self {
        let mut names = Names::default();
        names.visit_pat(&typed.pat);
        let skips_itself = names.0.is_empty() || is_state(&typed.ty);
        Self {
            typed: typed.clone(),
            names: names.0,
            skips_itself,
        }
    }

    /// The name of this argument in a companion. It never has the name of the function, which the
    /// companion calls.
    pub(crate) fn companion_name(&self, index: usize, function: &Ident) -> Ident {
        let name = match (&*self.typed.pat, self.names.as_slice()) {
            (Pat::Ident(pat), _) => Some(&pat.ident),
            (_, [only]) => Some(only),
            _ => None,
        };
        name.filter(|name| *name != function)
            .cloned()
            .unwrap_or_else(|| quote::format_ident!("argument_{}", index + 1))
    }
}

impl Output {
    fn new(written: Type) -> Self {
        let (stated, is_opaque) = inferred(&written);
        let is_unit = matches!(ungrouped(&written), Type::Tuple(tuple) if tuple.elems.is_empty());
        Self {
            written,
            stated,
            is_opaque,
            is_unit,
        }
    }
}

/// Collects the names that a pattern binds, including fields in short form (`Page { skip, .. }`). A capitalised
/// name is a constant or a unit struct and binds nothing.
#[derive(Default)]
struct Names(Vec<Ident>);

impl<'ast> Visit<'ast> for Names {
    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        let is_plain = pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none();
        let is_constant = is_plain && pat.ident.to_string().starts_with(char::is_uppercase);
        if !is_constant && !self.0.contains(&pat.ident) {
            self.0.push(pat.ident.clone());
        }
        if let Some((_, inner)) = &pat.subpat {
            self.visit_pat(inner);
        }
    }
}

/// Whether the type is called `State`. A macro does not know which type that is.
fn is_state(ty: &Type) -> bool {
    matches!(ungrouped(ty), Type::Path(ty) if ty.path.segments.last().is_some_and(|last| last.ident == "State"))
}

/// The return type of an `async fn`, with `()` for none.
fn written_output(output: &ReturnType, name: Span) -> Type {
    match output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => Type::Tuple(syn::TypeTuple {
            attrs: Vec::new(),
            paren_token: syn::token::Paren(name),
            elems: Punctuated::new(),
        }),
    }
}

/// Takes apart `fn f() -> Pin<Box<dyn Future<Output = R>>> { Box::pin(async move { … }) }`.
fn boxed(function: &Function, output: Type, is_send: bool) -> syn::Result<(Form, Type)> {
    let sig = &function.sig;
    let unknown_tail = || {
        syn::Error::new_spanned(
            sig.fn_token,
            "`#[cached]` needs an `async fn`, or a body that ends in `Box::pin(async move { … })`",
        )
    };
    let body = &function.body;
    let block: syn::Block = syn::parse2(quote!(#body))?;
    let mut before = block.stmts;
    let Some(Stmt::Expr(Expr::Call(call), None)) = before.pop() else {
        return Err(unknown_tail());
    };
    let is_pin = matches!(&*call.func, Expr::Path(func) if func.path.segments.last().is_some_and(|last| last.ident == "pin"));
    match call.args.first() {
        Some(Expr::Async(body)) if is_pin && call.args.len() == 1 && body.capture.is_some() => {
            let stmts = &body.block.stmts;
            let body = quote!(#(#stmts)*);
            Ok((
                Form::Boxed {
                    before,
                    pin: call.func,
                    body,
                    is_send,
                },
                output,
            ))
        }
        _ => Err(unknown_tail()),
    }
}

/// The error for a function that returns a future which cannot be taken apart. It first advises `async`, and
/// then what to do where that is not possible.
fn not_async(sig: &syn::Signature, future: Option<Type>) -> syn::Error {
    let output = future.as_ref().map_or_else(|| "R".to_owned(), written);
    syn::Error::new_spanned(
        sig.fn_token,
        format!(
            "`#[cached]` on a function that returns a future needs an `async fn`; add `async` before `fn` and return `{output}`\n\
             help: where it cannot be one, return `Pin<Box<dyn Future<Output = {output}> + Send>>`, \
             from a body that ends in `Box::pin(async move {{ … }})`"
        ),
    )
}

/// Whether the type is a future, as it is written: `impl Future<Output = R>`, or `BoxFuture<R>`. If so, its output,
/// if that is written there.
fn future_in(output: &ReturnType) -> Option<Option<Type>> {
    let ReturnType::Type(_, ty) = output else {
        return None;
    };
    let is_future = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Trait(bound) if bound.path.segments.last().is_some_and(|last| last.ident == "Future"));
    match ungrouped(ty) {
        Type::ImplTrait(future) if future.bounds.iter().any(is_future) => {
            Some(output_of(&future.bounds))
        }
        _ => ["BoxFuture", "LocalBoxFuture"]
            .into_iter()
            .find_map(|name| argument_of(ty, name))
            .map(|output| Some(output.clone())),
    }
}

/// The `R` of `Pin<Box<dyn Future<Output = R> + …>>`, and whether the rest says `Send`.
fn boxed_output(output: &ReturnType) -> Option<(Type, bool)> {
    let ReturnType::Type(_, ty) = output else {
        return None;
    };
    match ungrouped(argument_of(argument_of(ty, "Pin")?, "Box")?) {
        Type::TraitObject(object) => {
            let is_send = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Trait(bound) if bound.path.segments.last().is_some_and(|last| last.ident == "Send"));
            let output = output_of(&object.bounds)?;
            Some((output, object.bounds.iter().any(is_send)))
        }
        _ => None,
    }
}

/// The `R` of `Future<Output = R> + …`.
fn output_of(bounds: &Punctuated<TypeParamBound, syn::Token![+]>) -> Option<Type> {
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound
            .path
            .segments
            .last()
            .filter(|last| last.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
            _ => None,
        })
    })
}

/// The `T` of `name<T>`.
fn argument_of<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(ty) = ungrouped(ty) else {
        return None;
    };
    let last = ty.path.segments.last().filter(|last| last.ident == name)?;
    first_type(&last.arguments)
}
