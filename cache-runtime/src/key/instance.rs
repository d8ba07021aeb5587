//! Which instance of a method runs, that is, for which types, if its `impl` or trait is generic.
//!
//! An attribute on a method does not see the `impl` around it, nor whether there is one. Two names show it at run
//! time: an item inside the function has the name that was *written*, `app::Repo<_>::load::__here`, and a closure
//! beside it has that of the *instance*, `app::Repo<app::Job>::load::{{closure}}`. If both begin alike, there is only
//! one instance.
//!
//! The form of these names is not specified by rustc. A name that cannot be parsed is treated as that of an instance
//! and used whole: then keys are longer than necessary, but never shared.

/// The names of a running function.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    item: &'static str,
    closure: &'static str,
    function: &'static str,
}

impl Instance {
    /// Takes the names of an item and of a closure, both directly inside a function, and the function's own name.
    #[must_use]
    pub const fn new(item: &'static str, closure: &'static str, function: &'static str) -> Self {
        Self {
            item,
            closure,
            function,
        }
    }

    /// The type, or the type and the trait, that distinguish this instance from others; `None` if there are no others.
    ///
    /// A trait's name is omitted unless it is generic itself: the methods of a type get the same keys in all of its
    /// `impl` blocks.
    #[must_use]
    pub(crate) fn generic_over(&self) -> Option<&'static str> {
        // Most functions have one instance: both names are then the same up to their ends.
        let beginning = self.item.strip_suffix(HERE).unwrap_or(self.item);
        if self.closure.starts_with(beginning) {
            return None;
        }
        let Some(instance) = outside_of(self.closure, self.function) else {
            return Some(self.closure);
        };
        match self.written() {
            // Only the function itself is generic.
            Some(written) if written == instance => None,
            _ => Some(type_in(instance)),
        }
    }

    /// The surroundings of the function, as written: a module, a type, an `impl`.
    #[must_use]
    pub(crate) fn written(&self) -> Option<&'static str> {
        outside_of(self.item.strip_suffix(ITEM)?, self.function)
    }

    /// The surroundings of this instance of the function.
    #[must_use]
    pub(crate) fn owner(&self) -> &'static str {
        outside_of(self.closure, self.function).unwrap_or(self.closure)
    }
}

/// The instance of the surrounding function.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_instance {
    ($function:literal) => {{
        fn __here() {}
        $crate::__private::Instance::new(
            ::core::any::type_name_of_val(&__here),
            ::core::any::type_name_of_val(&|| ()),
            $function,
        )
    }};
}

/// Returns `app::Repo<app::Job>` for `app::Repo<app::Job>::load<u8>::{{closure}}::{{closure}}` and the function
/// `load`.
fn outside_of<'a>(mut path: &'a str, function: &str) -> Option<&'a str> {
    while let Some(outer) = path.strip_suffix(CLOSURE) {
        path = outer;
    }
    if path.ends_with('>') {
        path = &path[..opening(path)?];
    }
    path.strip_suffix(function)?.strip_suffix("::")
}

/// The position of the opening bracket that belongs to the bracket at the end of the text.
fn opening(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b'>' if at == 0 || bytes[at - 1] != b'-' => depth += 1,
            b'<' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The type in `<app::Repo<u8> as app::Load>` and in `app::far::<impl app::Load for app::Repo<u8>>`. If the trait is
/// generic, or there is none, the whole text.
fn type_in(owner: &str) -> &str {
    let Some(open) = owner.ends_with('>').then(|| opening(owner)).flatten() else {
        return owner;
    };
    if open > 0 && !owner[..open].ends_with("::") {
        return owner;
    }
    let inside = &owner[open + 1..owner.len() - 1];
    let (of_trait, of_type) = match inside.strip_prefix("impl ") {
        Some(inside) => match outermost(inside, " for ") {
            Some((of_trait, of_type)) => (of_trait, of_type),
            None => ("", inside),
        },
        None => match outermost(inside, " as ") {
            Some((of_type, of_trait)) => (of_trait, of_type),
            None => return owner,
        },
    };
    if of_trait.contains('<') {
        owner
    } else {
        of_type
    }
}

/// Splits at a word that is outside all brackets.
fn outermost<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let is_outermost = |before: &str| {
        let opened = before.matches('<').count();
        let closed = before.matches('>').count() - before.matches("->").count();
        opened == closed
    };
    text.match_indices(word)
        .find(|(at, _)| is_outermost(&text[..*at]))
        .map(|(at, _)| (&text[..at], &text[at + word.len()..]))
}

const ITEM: &str = "::__here";

const HERE: &str = "__here";

const CLOSURE: &str = "::{{closure}}";

#[cfg(test)]
mod tests {
    use super::*;
    use std::marker::PhantomData;

    struct Plain;
    struct Repo<T>(PhantomData<T>);
    struct Borrowed<'a>(&'a str);
    trait Named {
        fn by_default(&self) -> Instance {
            __cached_instance!("by_default")
        }
        fn written(&self) -> Instance;
    }
    trait Of<T> {
        fn of(&self) -> Instance {
            __cached_instance!("of")
        }
        fn written_of(&self) -> Instance;
    }

    impl Plain {
        fn method<T>(&self, _: PhantomData<T>) -> Instance {
            __cached_instance!("method")
        }
    }

    impl<T> Repo<T> {
        fn method<U>(&self, _: PhantomData<U>) -> Instance {
            let deeper = || __cached_instance!("method");
            deeper()
        }
        fn without_self() -> Instance {
            __cached_instance!("without_self")
        }
    }

    impl Borrowed<'_> {
        fn r#type(&self) -> Instance {
            assert!(!self.0.is_empty());
            __cached_instance!("type")
        }
    }

    impl Named for Plain {
        fn written(&self) -> Instance {
            __cached_instance!("written")
        }
    }

    impl<T> Named for Repo<T> {
        fn written(&self) -> Instance {
            __cached_instance!("written")
        }
    }

    impl<const N: usize> Named for [fn(u8) -> u8; N] {
        fn written(&self) -> Instance {
            __cached_instance!("written")
        }
    }

    impl<T> Of<T> for Plain {
        fn written_of(&self) -> Instance {
            __cached_instance!("written_of")
        }
    }

    mod far {
        use super::*;

        impl<T> Repo<T> {
            pub(super) fn far(&self) -> Instance {
                __cached_instance!("far")
            }
        }

        impl Plain {
            pub(super) fn far(&self) -> Instance {
                __cached_instance!("far")
            }
        }
    }

    fn free<T, const N: usize>(_: PhantomData<T>, _: impl Copy) -> Instance {
        __cached_instance!("free")
    }

    fn repo<T>() -> Repo<T> {
        Repo(PhantomData)
    }

    /// A name without the path of this module.
    fn over(instance: Instance) -> Option<String> {
        let module = concat!(module_path!(), "::");
        instance.generic_over().map(|name| name.replace(module, ""))
    }

    #[test]
    fn what_has_one_instance_is_generic_over_nothing() {
        for instance in [
            free::<u8, 3>(PhantomData, 'x'),
            Plain.method::<Vec<u8>>(PhantomData),
            Plain.method::<fn(u8) -> Vec<u8>>(PhantomData),
            Plain.far(),
            Plain.written(),
            Borrowed("lifetimes make no instances").r#type(),
        ] {
            assert_eq!(over(instance), None, "{instance:?}");
        }
    }

    #[test]
    fn instances_are_named_by_the_type_that_tells_them_apart() {
        for (instance, name) in [
            (repo::<u8>().method::<u16>(PhantomData), "Repo<u8>"),
            (Repo::<Plain>::without_self(), "Repo<Plain>"),
            (repo::<u8>().far(), "Repo<u8>"),
            (repo::<u8>().written(), "Repo<u8>"),
            (repo::<u8>().by_default(), "Repo<u8>"),
            (Plain.by_default(), "Plain"),
            ([inc as fn(u8) -> u8; 3].written(), "[fn(u8) -> u8; 3]"),
            (Of::<u8>::of(&Plain), "<Plain as Of<u8>>"),
            (Of::<u16>::written_of(&Plain), "<Plain as Of<u16>>"),
        ] {
            assert_eq!(over(instance).as_deref(), Some(name), "{instance:?}");
        }
    }

    fn inc(n: u8) -> u8 {
        n + 1
    }

    #[test]
    fn the_owner_is_a_module_or_a_type() {
        let module = module_path!();
        assert_eq!(free::<u8, 3>(PhantomData, 0).owner(), module);
        assert_eq!(
            Plain.method::<u8>(PhantomData).owner(),
            format!("{module}::Plain")
        );
        let written = format!("<{module}::Plain as {module}::Named>");
        assert_eq!(Plain.written().owner(), written);
        assert_eq!(Plain.far().written(), Some(Plain.far().owner()));
    }

    #[test]
    fn a_name_that_cannot_be_taken_apart_is_used_whole() {
        for (item, closure) in [
            ("app::load::__here", "app::something_else"),
            ("app::load::something_else", "app::load::{{closure}}"),
            ("app::load::__here", "app>::load<u8>>::{{closure}}"),
        ] {
            let instance = Instance::new(item, closure, "load");
            assert!(instance.generic_over().is_some(), "{closure}");
        }
    }
}
