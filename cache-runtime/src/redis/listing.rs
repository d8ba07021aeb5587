//! A walk over the catalogue for a person: the keys that patterns may cover, in the order in which they are shown, page by
//! page. It can go on over another connection, because in a cluster a part of the keys may move to another master meanwhile.

use std::collections::{HashSet, VecDeque};

use crate::key::Pattern;
use crate::redis::catalogue::key_of;
use crate::redis::connection::fault::Fault;
use crate::redis::survey::{Listed, PAGE, Survey};
use crate::redis::walk::ranges;

/// Where a key stands in the order: which of the ranges, and the member of the catalogue.
pub(crate) type Position = (usize, Vec<u8>);

/// The state of a walk.
#[derive(Debug)]
pub(crate) struct Listing<'p> {
    /// What is still to be read, with its number in the order.
    stretches: VecDeque<(usize, Stretch<'p>)>,
    /// Keys that were given, if they may come again.
    met: HashSet<String>,
    repeats: bool,
}

#[derive(Debug)]
enum Stretch<'p> {
    /// A removal of one key does not ask the catalogue, and neither does this.
    Key(&'p str),
    Range {
        pattern: &'p Pattern,
        from: Vec<u8>,
        to: Vec<u8>,
    },
}

impl<'p> Listing<'p> {
    /// A key that several patterns or several tags lead to is given once.
    pub(crate) fn new(patterns: &'p [Pattern]) -> Self {
        let of_pattern = |pattern: &'p Pattern| match pattern {
            Pattern::Key(key) => vec![Stretch::Key(key)],
            // The key itself comes before what is below it.
            _ => (ranges(pattern).into_iter().rev())
                .map(|(from, to)| Stretch::Range { pattern, from, to })
                .collect(),
        };
        // A large namespace need not be remembered where no key comes twice.
        let repeats = patterns.len() > 1 || patterns.iter().any(is_by_tags);
        Self {
            stretches: patterns.iter().flat_map(of_pattern).enumerate().collect(),
            met: HashSet::new(),
            repeats,
        }
    }

    /// The next page, which may be empty; `None` at the end. After an error it can be asked again, also with another survey
    /// of the same keys.
    pub(crate) async fn next(
        &mut self,
        survey: &Survey,
    ) -> Result<Option<Vec<(Position, Listed)>>, Fault> {
        let Some((at, stretch)) = self.stretches.front_mut() else {
            return Ok(None);
        };
        let at = *at;
        let (pattern, from, to) = match stretch {
            Stretch::Key(key) => {
                let listed = survey.look_at(vec![(*key).to_owned()]).await?;
                self.stretches.pop_front();
                let found = listed.into_iter().map(|listed| ((at, Vec::new()), listed));
                return Ok(Some(found.collect()));
            }
            Stretch::Range { pattern, from, to } => (*pattern, from, to),
        };
        let members = survey.members(from, to).await?;
        let by_tags = is_by_tags(pattern);
        let mut page = HashSet::new();
        let named: Vec<(Vec<u8>, String)> = (members.iter())
            .filter_map(|member| Some((member.clone(), key_of(member)?)))
            .filter(|(_, key)| by_tags || pattern.matches(key, &[] as &[&str]))
            .filter(|(_, key)| {
                !self.repeats || (!self.met.contains(key) && page.insert(key.clone()))
            })
            .collect();
        let keys = named.iter().map(|(_, key)| key.clone()).collect();
        let listed = survey.look_at(keys).await?;
        self.met.extend(page);
        match members.last() {
            Some(last) if members.len() == PAGE => *from = [b"(", &last[..]].concat(),
            _ => drop(self.stretches.pop_front()),
        }
        let positions = named.into_iter().map(|(member, _)| (at, member));
        Ok(Some(positions.zip(listed).collect()))
    }
}

fn is_by_tags(pattern: &Pattern) -> bool {
    pattern.scan_prefix().is_none()
}
