//! `cachectl clear`: removes every entry of the namespace, after it has asked.

use futures_util::future::join_all;

use crate::ctl::args::Clear;
use crate::ctl::consent::{self, Consent};
use crate::ctl::failure::Failure;
use crate::ctl::out::Out;
use crate::ctl::parts::Parts;
use crate::ctl::place::Place;
use crate::ctl::removing;
use crate::ctl::units;
use crate::redis::Survey;

pub(super) async fn run(place: &Place, wanted: &Clear, out: &Out) -> Result<u8, Failure> {
    if !wanted.yes {
        let question = format!(
            "This removes every entry of {} (about {}).",
            place.described(),
            units::entries(catalogued(place, out).await?)
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
    let kind = place.kind().await?;
    let cache = place.cache(&kind).await?;
    let done = cache.clear().await;
    removing::told(place, &kind, "*", &cache, done, out).await
}

/// The number of entries, as far as they can be counted.
async fn catalogued(place: &Place, out: &Out) -> Result<u64, Failure> {
    let parts = Parts::open(place, |_| true).await?;
    let mut away = parts.away;
    let counting = parts.all.into_iter().map(async |mut part| {
        let counted = part.following(place, async |survey: &Survey| survey.catalogued().await);
        (counted.await, part)
    });
    let mut entries = 0;
    for (counted, part) in join_all(counting).await {
        match counted {
            Ok((keys, _)) => entries += keys,
            Err(fault) => {
                let what = "the entries cannot be counted";
                part.failed(place, what, &fault)?.add_to(&mut away);
            }
        }
    }
    out.unavailable(&away, "not counted: the keys at");
    Ok(entries)
}
