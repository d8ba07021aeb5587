//! An option's place among the arguments: at most once, beside the name it was given by.

use syn::Ident;

/// An option that was given at most once, beside the name it was given by.
pub(crate) struct Slot<T>(Option<(Ident, T)>);

impl<T> Slot<T> {
    /// The value.
    pub(crate) fn value(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    /// Where the option's name stands, if it was given.
    pub(crate) fn name(&self) -> Option<&Ident> {
        self.0.as_ref().map(|(name, _)| name)
    }

    /// Whether the option was given.
    pub(crate) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// The value, for good.
    pub(crate) fn take(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }

    /// Takes the value; the second one is an error.
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
