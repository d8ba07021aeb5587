//! `cachectl clear`: removes every entry of the namespace, after it has asked.

use std::time::Duration;

use crate::ctl::args::Clear;
use crate::ctl::consent::{self, Consent};
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::out::Out;
use crate::ctl::place::Place;
use crate::ctl::removing;
use crate::ctl::units;

/// How long closing waits for work under way.
const CLOSING: Duration = Duration::from_secs(5);

pub(super) async fn run(place: &Place, wanted: &Clear, out: &Out) -> Result<u8, Failure> {
    if !wanted.yes {
        let survey = place.survey().await?;
        let (keys, _) = survey.catalogued().await.map_err(|fault| {
            explain::refused(&place.target, "the entries cannot be counted", &fault)
        })?;
        let question = format!(
            "This removes every entry of {} (about {}).",
            place.described(),
            units::entries(keys)
        );
        match consent::ask(&question) {
            Consent::Given => {}
            Consent::Refused => return Err(Failure::usage("nothing was removed")),
            Consent::NobodyThere => {
                return Err(Failure::usage("nothing was removed: `clear` needs consent, and there is no terminal to ask on")
                    .because(question)
                    .remedy("give --yes if that is what you want"));
            }
        }
    }
    let cache = place.cache().await?;
    let done = cache.clear().await;
    cache.close(CLOSING).await;
    removing::told(place, "*", done, out)
}
