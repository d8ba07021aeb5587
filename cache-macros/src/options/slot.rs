//! A place for one option, which may be given once.

use syn::Ident;

/// The value of an option, if it was given, and the token of its name, where errors are reported.
pub(crate) struct Slot<T>(Option<(Ident, T)>);

impl<T> Slot<T> {
    /// The value.
    pub(crate) fn value(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    /// The token of the option's name, if it was given.
    pub(crate) fn name(&self) -> Option<&Ident> {
        self.0.as_ref().map(|(name, _)| name)
    }

    /// Whether the option was given.
    pub(crate) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// The value, without the name.
    pub(crate) fn take(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }

    /// Takes the value of another slot if this one has none. Returns whether it did.
    pub(super) fn or(&mut self, other: Self) -> bool {
        let takes = self.0.is_none() && other.0.is_some();
        if takes {
            *self = other;
        }
        takes
    }

    /// Keeps the value. An option that is given twice is an error.
    pub(crate) fn fill(&mut self, name: Ident, value: T) -> syn::Result<()> {
        if self.0.is_some() {
            return Err(syn::Error::new(
                name.span(),
                format!("`{name}` is given twice"),
            ));
        }
        self.0 = Some((name, value));
        Ok(())
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}
