//! Removals by what they may concern, in the order in which they were called.

use std::collections::HashMap;

use crate::catalogue::{Family, Target};
use crate::clock::Nanos;
use crate::history::{History, ProcessId, Removal};
use crate::names::Tenant;

type Told = (ProcessId, Removal);

/// Two lists an entry: those that name it, and those that name more than one key.
#[derive(Debug)]
pub(super) struct Removals<'a> {
    named: HashMap<(Tenant, Family, u32), Vec<&'a Told>>,
    wide: HashMap<Tenant, Vec<&'a Told>>,
    /// From when on each queued removal bound everybody.
    bound: HashMap<(ProcessId, Nanos), Nanos>,
}

impl<'a> Removals<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut named: HashMap<_, Vec<_>> = HashMap::new();
        let mut wide: HashMap<_, Vec<_>> = HashMap::new();
        let mut bound = HashMap::new();
        for told in &history.removals {
            let (remover, removal) = told;
            let tenant = history.tenant(*remover);
            match removal.target {
                Target::Key(family, id) => named.entry((tenant, family, id)).or_default(),
                _ => wide.entry(tenant).or_default(),
            }
            .push(told);
            if !removal.durable
                && let Some(since) = history.bound_since(*remover, removal)
            {
                bound.insert((*remover, removal.returned), since);
            }
        }
        for list in named.values_mut().chain(wide.values_mut()) {
            list.sort_unstable_by_key(|(_, removal)| removal.called);
        }
        Self { named, wide, bound }
    }

    /// Those of a tenant that may concern an entry and were called in that time, both ends excluded, the last first.
    pub(super) fn called_within(
        &self,
        tenant: Tenant,
        family: Family,
        id: u32,
        span: (Nanos, Nanos),
    ) -> impl Iterator<Item = &'a Told> {
        let named = self.named.get(&(tenant, family, id));
        let wide = self.wide.get(&tenant);
        within(named, span).chain(within(wide, span))
    }

    /// From when on a removal bound everybody.
    pub(super) fn bound_since(&self, remover: ProcessId, removal: &Removal) -> Option<Nanos> {
        match removal.durable {
            true => Some(removal.returned),
            false => self.bound.get(&(remover, removal.returned)).copied(),
        }
    }
}

fn within<'a>(
    list: Option<&Vec<&'a Told>>,
    (from, to): (Nanos, Nanos),
) -> impl Iterator<Item = &'a Told> {
    let list = list.map_or(&[][..], |list| list);
    let later = list.partition_point(|(_, removal)| removal.called < to);
    list[..later]
        .iter()
        .rev()
        .take_while(move |(_, removal)| removal.called > from)
        .copied()
        .collect::<Vec<_>>()
        .into_iter()
}
