//! The dashboard in a browser: what an operator sees there, and does.
//!
//! A real Chromium, without a window, on a real service with a real Redis. It is the one that `CHROMIUM_BIN` names, else
//! `chromium`, `chromium-browser` or `google-chrome` of `PATH`. Where there is none, `tests/run` leaves these tests out; run by
//! themselves each says that it was skipped, or fails if `CACHE_TESTS_REQUIRE` is `1`.

mod board;
mod chromium;
mod devtools;
mod page;

mod in_chromium;
