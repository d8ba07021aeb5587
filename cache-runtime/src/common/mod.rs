//! Small tools that every module may use. They use none of the other modules.

pub(crate) mod background;
#[cfg(feature = "testing")]
pub(crate) mod inherited;
pub(crate) mod one_at_a_time;
pub(crate) mod parked;
pub(crate) mod random;
#[cfg(feature = "sabotage")]
pub mod safeguard;
#[cfg(not(feature = "sabotage"))]
#[allow(dead_code, unreachable_pub, reason = "what only tests ask for")]
pub(crate) mod safeguard;
pub(crate) mod sync;
