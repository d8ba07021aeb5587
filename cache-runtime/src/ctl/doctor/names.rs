//! The names that the cache needs for itself: the ledger and the catalogue.

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::explain;
use crate::ctl::place::Place;
use crate::ctl::units;
use crate::redis::{Console, Survey};

pub(super) async fn check(place: &Place, console: &Console, report: &mut Report) {
    let survey =
        match Survey::begin(console.clone(), &place.prefix, place.config.trust_restart).await {
            Ok(survey) => survey,
            Err(fault) => {
                let failure = explain::refused(&place.target, "the ledger cannot be read", &fault);
                report.add(Check::failed("namespace", failure));
                return;
            }
        };
    let (keys, _) = match survey.catalogued().await {
        Ok(counts) => counts,
        Err(fault) => {
            let failure = explain::refused(&place.target, "the catalogue cannot be read", &fault);
            report.add(Check::failed("namespace", failure));
            return;
        }
    };
    let patterns = survey.figures.patterns.len();
    report.add(match survey.figures.birth {
        None => Check::ok("namespace", "nothing is cached there yet"),
        Some(_) if patterns > place.config.ledger_bound => Check::warning(
            "namespace",
            format!("the ledger holds {patterns} removals, more than `ledger_bound`"),
        )
        .because("many different prefixes, globs or tags are removed; the oldest become one, which removes too much")
        .remedy("remove by key where one entry is meant, or raise `ledger_bound`"),
        Some(_) => Check::ok(
            "namespace",
            format!(
                "{} in the catalogue, {} in the ledger",
                units::entries(keys),
                match patterns {
                    1 => "1 removal".to_owned(),
                    _ => format!("{} removals", units::number(patterns as u64)),
                }
            ),
        ),
    });
}
