//! Keeps the ledger short: above its bound, one pattern replaces the oldest removals of one family.
//!
//! The replacement covers all of them and has the largest of their numbers. It may remove more of the older entries
//! than they did, never less.

use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;

use crate::key::Pattern;
use crate::redis::connection::fault::Fault;
use crate::redis::connection::session::Session;
use crate::redis::ledger::{Announcement, Birth, Message, write_birth};
use crate::redis::scripts::Script;
use crate::telemetry::stats::bump;

/// Patterns that one script call drops.
const PER_CALL: usize = 500;

/// Many patterns, and the one that replaces them.
#[derive(Debug, PartialEq, Eq)]
struct Fold {
    into: Pattern,
    number: u64,
    dropped: Vec<Pattern>,
}

impl Session {
    /// Folds the ledger in the background if it holds more patterns than its bound.
    pub(in crate::redis) fn fold_if_long(&self) {
        let ledger = &self.link.ledger;
        let Some(birth) = ledger.birth() else { return };
        if ledger.len() <= self.tier.settings.ledger_bound || self.tier.folding.swap(true, SeqCst) {
            return;
        }
        let session = self.clone();
        let spawned = self.spawn(async move {
            let ledger = &session.link.ledger;
            while ledger.len() > session.tier.settings.ledger_bound
                && let Some(fold) = fold(ledger.all())
                && session.fold(birth, &fold).await.is_ok()
            {
                bump(&session.tier.counters.ledger_folds);
            }
            session.tier.folding.store(false, SeqCst);
        });
        if !spawned {
            self.tier.folding.store(false, SeqCst);
        }
    }

    async fn fold(&self, birth: Birth, fold: &Fold) -> Result<(), Fault> {
        tracing::warn!(
            into = %fold.into, removals = fold.dropped.len(), bound = self.tier.settings.ledger_bound,
            "the ledger holds more removals than its bound: the oldest ones were merged into one pattern, which also removes \
             entries that none of them covered; raise `CacheConfig::ledger_bound`, or invalidate fewer different patterns"
        );
        for (at, dropped) in fold.dropped.chunks(PER_CALL).enumerate() {
            let folding = self.link.run::<i64>(Script::Fold, |command| {
                command
                    .arg(1)
                    .arg(self.ledger_name())
                    .arg(if at == 0 { self.channel() } else { "" })
                    .arg(write_birth(birth))
                    .arg(fold.into.to_wire())
                    .arg(fold.number);
                for pattern in dropped {
                    command.arg(pattern.to_wire());
                }
            });
            if self.in_background(folding).await? < 0 {
                return Err(Fault::Refused(
                    "the ledger was lost, and a new one has begun".into(),
                ));
            }
        }
        // With pushes, the channel's message says the same.
        let announcement = Announcement::Folded(fold.into.clone());
        self.link.ledger.hear(Message {
            birth,
            number: fold.number,
            sender: 0,
            announcement,
        });
        Ok(())
    }
}

/// Folds the older half of the largest family, or of all patterns if no family has two members.
fn fold(patterns: Vec<(Pattern, u64)>) -> Option<Fold> {
    let mut families: HashMap<Pattern, Vec<(Pattern, u64)>> = HashMap::new();
    for (pattern, number) in &patterns {
        let family = families.entry(family(pattern)).or_default();
        family.push((pattern.clone(), *number));
    }
    let largest = families
        .into_iter()
        .max_by_key(|(_, members)| members.len())
        .filter(|(_, members)| members.len() > 1);
    let (into, mut members) = largest.unwrap_or((Pattern::all(), patterns));
    members.sort_unstable_by_key(|(_, number)| *number);
    members.truncate(members.len().div_ceil(2));
    let (_, number) = members.last()?;
    let number = *number;
    let dropped = members.into_iter().map(|(pattern, _)| pattern).collect();
    Some(Fold {
        into,
        number,
        dropped,
    })
}

/// The pattern that covers a pattern and its siblings: everything below the same parent.
fn family(pattern: &Pattern) -> Pattern {
    match pattern {
        Pattern::Tag(text) | Pattern::TagPrefix(text) => Pattern::TagPrefix(parent(text)),
        Pattern::AllTags(all) => Pattern::TagPrefix(parent(all.first().map_or("", String::as_str))),
        _ => Pattern::Prefix(parent(pattern.scan_prefix().unwrap_or_default())),
    }
}

/// The text up to the last `:` that is not at its end.
fn parent(text: &str) -> String {
    let inner = text.strip_suffix(':').unwrap_or(text);
    inner
        .rfind(':')
        .map_or_else(String::new, |at| inner[..=at].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn the_older_half_of_the_largest_family_becomes_one_with_their_largest_number() {
        let patterns = [
            ("user:1:", 4),
            ("user:2", 9),
            ("user:3:", 6),
            ("user:4", 7),
            ("jobs:list:", 5),
            ("#author:7", 1),
        ];
        let patterns = patterns
            .map(|(text, number)| (parse(text), number))
            .to_vec();
        let folded = fold(patterns).unwrap();
        assert_eq!(folded.into, parse("user:"));
        assert_eq!(folded.number, 6);
        assert_eq!(folded.dropped, [parse("user:1:"), parse("user:3:")]);
    }

    #[test]
    fn what_takes_their_place_covers_each_of_them() {
        for text in [
            "a",
            "a:",
            "a:b",
            "a:b:",
            "a:b*",
            "a:*:c",
            "*:x",
            "#t",
            "#t:1",
            "#t:*",
            "#a:1+#b:2",
        ] {
            let pattern = parse(text);
            let family = family(&pattern);
            assert!(family.covers(&pattern), "{family} {pattern}");
        }
    }

    #[test]
    fn without_a_family_everything_takes_their_place() {
        let patterns = vec![(parse("a:1"), 3), (parse("b:1"), 2), (parse("#c:1"), 1)];
        let folded = fold(patterns).unwrap();
        assert_eq!((folded.into, folded.number), (Pattern::all(), 2));
        assert_eq!(fold(Vec::new()), None);
    }
}
