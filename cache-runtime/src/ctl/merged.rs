//! The keys of all parts of a namespace in one order, that of a single server.

use std::collections::VecDeque;

use futures_util::future::join_all;

use crate::ctl::failure::Failure;
use crate::ctl::parts::{Part, Parts};
use crate::ctl::place::Place;
use crate::ctl::unavailable::Unavailable;
use crate::key::Pattern;
use crate::redis::{Fault, Listed, Listing, Position, Survey};

/// A walk over the keys that patterns may cover.
pub(super) struct Merged<'p> {
    place: &'p Place,
    streams: Vec<Stream<'p>>,
    /// Masters whose keys are missing.
    pub(super) away: Vec<Unavailable>,
}

/// The walk over one part.
struct Stream<'p> {
    part: Part,
    listing: Listing<'p>,
    page: VecDeque<(Position, Listed)>,
    ended: Option<Result<(), Fault>>,
}

impl<'p> Merged<'p> {
    pub(super) fn begin(place: &'p Place, parts: Parts, patterns: &'p [Pattern]) -> Self {
        let stream = |part| Stream {
            part,
            listing: Listing::new(patterns),
            page: VecDeque::new(),
            ended: None,
        };
        Self {
            place,
            streams: parts.all.into_iter().map(stream).collect(),
            away: parts.away,
        }
    }

    /// The next key, with what is known of its part. An error: the only server fails; a master of a cluster that fails
    /// is added to those that are away.
    pub(super) async fn next(&mut self) -> Result<Option<(&Survey, Listed)>, Failure> {
        let place = self.place;
        let empty = self
            .streams
            .iter_mut()
            .filter(|stream| stream.page.is_empty());
        join_all(empty.map(|stream| stream.fill(place))).await;
        for stream in &mut self.streams {
            let Some(Err(fault)) = &stream.ended else {
                continue;
            };
            let what = "the entries cannot be listed";
            let away = stream.part.failed(place, what, fault)?;
            away.add_to(&mut self.away);
            stream.ended = Some(Ok(()));
        }
        let first = (self.streams.iter_mut())
            .filter(|stream| !stream.page.is_empty())
            .min_by(|one, other| one.position().cmp(&other.position()));
        Ok(first.and_then(|stream| {
            let (_, listed) = stream.page.pop_front()?;
            Some((&stream.part.survey, listed))
        }))
    }

    /// Whether any part has a ledger.
    pub(super) fn is_known(&self) -> bool {
        let mut streams = self.streams.iter();
        streams.any(|stream| stream.part.survey.figures.birth.is_some())
    }
}

impl Stream<'_> {
    fn position(&self) -> Option<&Position> {
        self.page.front().map(|(position, _)| position)
    }

    /// Reads until there is a key, or the end.
    async fn fill(&mut self, place: &Place) {
        while self.page.is_empty() && self.ended.is_none() {
            let listing = &mut self.listing;
            let read = self
                .part
                .following(place, async |survey: &Survey| listing.next(survey).await);
            match read.await {
                Ok(Some(page)) => self.page.extend(page),
                Ok(None) => self.ended = Some(Ok(())),
                Err(fault) => self.ended = Some(Err(fault)),
            }
        }
    }
}
