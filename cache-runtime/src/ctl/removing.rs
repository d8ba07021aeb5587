//! What a removal by hand answers, for `invalidate` and `clear`.

use serde::Serialize;

use crate::ctl::failure::Failure;
use crate::ctl::out::Out;
use crate::ctl::place::Place;
use crate::ctl::units;
use crate::telemetry::invalidation::Invalidation;

/// The answer with `--json`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    pattern: &'a str,
    dry_run: bool,
    removed: u64,
    durability: &'static str,
}

/// Prints how many entries went, or says that the server did not acknowledge it.
pub(super) fn told(
    place: &Place,
    pattern: &str,
    done: Invalidation,
    out: &Out,
) -> Result<u8, Failure> {
    if !done.is_durable() {
        return Err(Failure::problem(format!(
            "{}: the removal of `{pattern}` was not acknowledged; it may or may not have happened",
            place.target
        ))
        .because("the server did not answer in time, or refuses the removal")
        .remedy("run the command again; `cachectl doctor` shows what is wrong with the server"));
    }
    if out.json {
        out.json(&Answer {
            pattern,
            dry_run: false,
            removed: done.removed,
            durability: done.durability.as_str(),
        });
    } else {
        out.text(&format!("removed {}\n", units::entries(done.removed)));
    }
    Ok(0)
}
