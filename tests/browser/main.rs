//! The dashboard in a browser: what an operator sees there, and does.
//!
//! A real Chromium, without a window, on a real service with a real Redis. It is the one that `CHROMIUM_BIN` names, else
//! `chromium`, `chromium-browser` or `google-chrome` of `PATH`; where there is none, each test says that it was not run.

mod board;
mod chromium;
mod devtools;
mod page;

mod door;
mod figures;
mod instances;
mod keyboard;
mod manners;
mod outage;
mod removal;
mod sight;
