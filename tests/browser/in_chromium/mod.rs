//! The tests themselves. Their names begin alike, so that they can be left out together where there is no browser.

mod clearing;
mod door;
mod entry;
mod figures;
mod hours;
mod instances;
mod keyboard;
mod manners;
mod origin;
mod outage;
mod removal;
mod search;
mod sight;
