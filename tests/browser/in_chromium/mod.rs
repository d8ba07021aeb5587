//! The tests themselves. Their names begin alike, so that they can be left out together where there is no browser.

mod door;
mod figures;
mod instances;
mod keyboard;
mod manners;
mod origin;
mod outage;
mod removal;
mod sight;
