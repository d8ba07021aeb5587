//! The form of a function's companions.

use syn::Ident;

use crate::options::Options;
use crate::options::names;

/// Where the companions stand, if there are any.
pub(crate) enum Companions {
    /// There are none.
    None,
    /// They are functions of a type of this name, beside a free function.
    Type(Ident),
    /// They are associated functions whose names begin with this one, beside a method.
    Methods(Ident),
}

impl Companions {
    /// The companions of a function of this name.
    pub(super) fn of(
        options: &Options,
        function: &Ident,
        is_method: bool,
        may_be_method: bool,
    ) -> Self {
        let stores = options.key.is_given() || options.ttl.is_given();
        match options.companions.value() {
            Some(names::Companions::None) => Self::None,
            Some(names::Companions::Named(name)) if is_method => Self::Methods(name.clone()),
            Some(names::Companions::Named(name)) => Self::Type(name.clone()),
            None if stores && !may_be_method && !is_primitive(function) => {
                Self::Type(function.clone())
            }
            None => Self::None,
        }
    }
}

/// Whether this is the name of a primitive type. A type of that name would replace the primitive one in
/// its whole module.
fn is_primitive(name: &Ident) -> bool {
    const PRIMITIVES: [&str; 17] = [
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64",
    ];
    PRIMITIVES.iter().any(|primitive| name == primitive)
}
