//! The settings that decide how Redis lets this process in, beside the URL.

use std::fmt;
use std::sync::Arc;

use crate::redis::connection::credentials::AnyProvider;
use crate::redis::connection::tls::TlsFiles;

/// How Redis lets this process in, beside what the URL says.
#[derive(Clone, Default)]
pub(crate) struct Access {
    pub(crate) tls: TlsFiles,
    /// Whether the connections to sentinels are encrypted. `None`: as those to the master.
    pub(crate) sentinel_tls: Option<bool>,
    /// The files for sentinels. Without any, those for the server.
    pub(crate) sentinel_files: TlsFiles,
    /// Gives the credentials of the sentinels. `None`: they want none.
    pub(crate) sentinel_provider: Option<Arc<dyn AnyProvider>>,
    /// Replaces the credentials in the URL.
    pub(crate) provider: Option<Arc<dyn AnyProvider>>,
}

impl Access {
    /// The files for the connections to sentinels.
    pub(in crate::redis) fn files_of_sentinels(&self) -> &TlsFiles {
        match self.sentinel_files.first() {
            Some(_) => &self.sentinel_files,
            None => &self.tls,
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("tls", &self.tls)
            .field("sentinel_tls", &self.sentinel_tls)
            .field("sentinel_files", &self.sentinel_files)
            .finish_non_exhaustive()
    }
}
