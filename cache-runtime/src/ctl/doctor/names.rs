//! The names that the cache needs for itself: the ledger and the catalogue.

use crate::ctl::doctor::report::{Check, Report};
use crate::ctl::explain;
use crate::ctl::place::Place;
use crate::ctl::units;
use crate::redis::{Console, Survey};

/// `prefixes`: the names of the namespace begin with one of them; in a cluster, each bucket on this master has its own.
pub(super) async fn check(
    place: &Place,
    console: &Console,
    prefixes: &[String],
    report: &mut Report,
) {
    let mut keys = 0;
    let mut patterns = 0;
    let mut is_known = false;
    for prefix in prefixes {
        let begun = Survey::begin(console.clone(), prefix, place.config.trust_restart).await;
        let survey = match begun {
            Ok(survey) => survey,
            Err(fault) => {
                let failure = explain::refused(&place.target, "the ledger cannot be read", &fault);
                report.add(Check::failed("namespace", failure));
                return;
            }
        };
        match survey.catalogued().await {
            Ok((some, _)) => keys += some,
            Err(fault) => {
                let what = "the catalogue cannot be read";
                let failure = explain::refused(&place.target, what, &fault);
                report.add(Check::failed("namespace", failure));
                return;
            }
        }
        // Each bucket has its own ledger, which holds nearly the same patterns as the others.
        patterns = patterns.max(survey.figures.patterns.len());
        is_known |= survey.figures.birth.is_some();
    }
    report.add(match is_known {
        false => Check::ok("namespace", "nothing is cached there yet"),
        true if patterns > place.config.ledger_bound => Check::warning(
            "namespace",
            format!("the ledger holds {patterns} removals, more than `ledger_bound`"),
        )
        .because("many different prefixes, globs or tags are removed; the oldest become one, which removes too much")
        .remedy("remove by key where one entry is meant, or raise `ledger_bound`"),
        true => Check::ok(
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
