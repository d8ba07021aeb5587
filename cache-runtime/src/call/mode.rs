//! How a single call uses the cache, as set by its companions (`refresh`, `uncached`) or by the request around it.

use std::cell::Cell;
use std::future::Future;

use crate::call::call::Call;
use crate::call::site::Site;
use crate::telemetry::outcome::ObserverOptions;

tokio::task_local! {
    /// The mode that a companion has set for the next call of a site.
    static NEXT_MODE: NextMode;
}

#[derive(Debug)]
struct NextMode {
    /// The address of the site, used only for comparison.
    site: usize,
    mode: Cell<Mode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Normal,
    /// The call wants a value newer than the stored one, which continues to be served. It may share another call's
    /// load.
    Newer,
    Refresh,
    /// The call does not use the cache: its key does not contain the credentials of the request.
    WithoutCredentials,
    Uncached,
    /// The cache is switched off.
    Off,
    /// The call stores and compares a value, and is not answered with one.
    Shadow,
}

impl Mode {
    /// The mode of a read. `answers`: its result is an answer to a request.
    #[inline] // it is on the path of a memory hit
    pub(super) fn of_read(call: &Call, options: ObserverOptions, answers: bool) -> Self {
        match take_mode(call.site) {
            Self::Uncached => Self::Uncached,
            _ if options.authorized && answers && call.ignores_credentials() => {
                Self::WithoutCredentials
            }
            // Others may be using the value that it replaces. Without the cache, it removes that value.
            Self::Refresh => Self::Refresh,
            _ if !call.borrowed_cache().is_enabled() => Self::Off,
            _ if call.site.policy.shadow || call.borrowed_cache().is_shadow() => Self::Shadow,
            Self::Normal if options.fresh => Self::Newer,
            mode => mode,
        }
    }
}

/// Runs the future; the first call of the site in it uses `mode`.
pub(super) fn with_mode<Fut: Future>(
    site: &'static Site,
    mode: Mode,
    call: Fut,
) -> impl Future<Output = Fut::Output> + use<Fut> {
    let next = NextMode {
        site: address(site),
        mode: Cell::new(mode),
    };
    NEXT_MODE.scope(next, call)
}

/// The same for a call on this thread.
pub(super) fn within_mode<T>(site: &'static Site, mode: Mode, call: impl FnOnce() -> T) -> T {
    let next = NextMode {
        site: address(site),
        mode: Cell::new(mode),
    };
    NEXT_MODE.sync_scope(next, call)
}

/// Whether the call does not use the cache.
pub(super) fn is_uncached(site: &'static Site) -> bool {
    take_mode(site) == Mode::Uncached
}

fn address(site: &'static Site) -> usize {
    std::ptr::from_ref(site).addr()
}

/// The mode that was set for this call. It does not apply to the calls that its body makes.
fn take_mode(site: &'static Site) -> Mode {
    let next = |next: &NextMode| {
        if next.site == address(site) {
            next.mode.replace(Mode::Normal)
        } else {
            Mode::Normal
        }
    };
    NEXT_MODE.try_with(next).unwrap_or(Mode::Normal)
}
