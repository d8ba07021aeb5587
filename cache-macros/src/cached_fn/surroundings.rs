//! What stands around the function: a generic `impl` or trait, or another function. A macro does not see
//! it, so the runtime adds it to the key, unless a template says `<Self>` or `skip(Self)`.

use syn::Ident;

use crate::cached_fn::companions::Companions;
use crate::cached_fn::key::Key;

/// The parts that the runtime may add to a key.
pub(crate) enum Surroundings {
    /// Nothing: there are none, or the template says it.
    Nothing,
    /// The instance behind the text of the key, if there are several.
    Instance,
    /// For an automatic key: the type around the function, or its instance, as a part of the path.
    Owner,
    /// For an automatic key with `skip(Self)`: the type around the function without its parameters.
    AnyOwner,
    /// For an automatic key of a free function with companions of this name: the function around it, if
    /// there is one, as a part of the path.
    Beside(Ident),
}

impl Surroundings {
    /// The part to add to this key.
    pub(super) fn of(key: Option<&Key>, companions: &Companions, skips_self: bool) -> Self {
        match (key, companions) {
            (None, _) => Self::Nothing,
            (Some(Key::Automatic { .. }), Companions::Type(name)) => Self::Beside(name.clone()),
            (_, Companions::Type(_)) => Self::Nothing,
            (Some(Key::Automatic { .. }), _) if skips_self => Self::AnyOwner,
            (Some(Key::Automatic { .. }), _) => Self::Owner,
            (Some(key), _) if skips_self || key.uses("Self") => Self::Nothing,
            (Some(_), _) => Self::Instance,
        }
    }
}
