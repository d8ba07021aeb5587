//! The command line: pairs of `--name value`, few enough to read by hand.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use cache_runtime::sabotage::Safeguard;

use crate::fleet::Options;
use crate::plan::{Overrides, Plan};
use crate::stage::Journals;
use crate::worker::Orders;

const USAGE: &str = "fleet plans | fleet [--minutes N | --seconds N] [--seed N] [--round SECONDS] [--plan NAME] [--round-trip MILLISECONDS] [--budget MILLISECONDS] [--rate ACTS] [--rows N] [--names tame|wild] [--tenants 1|2] [--servers one|cluster] [--without SAFEGUARD,…] [--journals all|half|none] [--busy THREADS]";

/// What the program is to be.
#[derive(Debug)]
pub(crate) enum Called {
    Fleet(Box<Options>),
    Worker(Box<Orders>),
    /// Which plans there are.
    Plans,
}

struct Pairs(HashMap<String, String>);

impl Called {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut pairs = HashMap::new();
        let mut is_worker = false;
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix("--") {
                Some(name) => {
                    let value = arguments
                        .next()
                        .ok_or_else(|| format!("--{name} needs a value\n{USAGE}"))?;
                    pairs.insert(name.to_owned(), value);
                }
                None if argument == "worker" => is_worker = true,
                None if argument == "plans" => return Ok(Self::Plans),
                None => return Err(format!("what is `{argument}`?\n{USAGE}")),
            }
        }
        let mut pairs = Pairs(pairs);
        let called = match is_worker {
            true => Self::Worker(Box::new(pairs.orders()?)),
            false => Self::Fleet(Box::new(pairs.options()?)),
        };
        match pairs.0.keys().next() {
            Some(unknown) => Err(format!("what is --{unknown}?\n{USAGE}")),
            None => Ok(called),
        }
    }
}

impl Pairs {
    fn options(&mut self) -> Result<Options, String> {
        let without = self.safeguards()?;
        let usual = without
            .first()
            .map_or("usual", |safeguard| Plan::against(*safeguard));
        let plan = self.plan(usual)?;
        let minutes: Option<f64> = self.optional("minutes")?;
        let seconds: Option<f64> = self.optional("seconds")?;
        let length = seconds
            .or(minutes.map(|minutes| minutes * 60.0))
            .unwrap_or(10.0);
        let round: f64 = self.optional("round")?.unwrap_or(10.0);
        let seed = self.optional("seed")?.unwrap_or_else(crate::clock::now);
        let (length, round) = (
            Duration::from_secs_f64(length),
            Duration::from_secs_f64(round),
        );
        Ok(Options {
            plan,
            seed,
            without,
            journals: self.optional("journals")?.unwrap_or(Journals::Half),
            busy: self.optional("busy")?.unwrap_or(0),
            length,
            round,
        })
    }

    fn orders(&mut self) -> Result<Orders, String> {
        Ok(Orders {
            process: self.needed("process")?,
            place: self.needed("place")?,
            seed: self.needed("seed")?,
            without: self.safeguards()?,
            plan: self.plan("usual")?,
            redis: self.needed("redis")?,
            database: self.needed("database")?,
            parent: self.needed("parent")?,
            journal: self.optional("journal")?,
        })
    }

    fn plan(&mut self, usual: &str) -> Result<Plan, String> {
        let name = self.0.remove("plan").unwrap_or_else(|| usual.to_owned());
        let plan = Plan::named(&name)
            .ok_or_else(|| format!("--plan `{name}`: one of {}", Plan::names().join(", ")))?;
        let overrides = Overrides {
            round_trip: self.optional("round-trip")?,
            budget: self.optional("budget")?,
            rate: self.optional("rate")?,
            rows: self.optional("rows")?,
            names: self.optional("names")?,
            tenants: self.optional("tenants")?,
            servers: self.optional("servers")?,
        };
        Ok(overrides.apply(plan))
    }

    fn safeguards(&mut self) -> Result<Vec<Safeguard>, String> {
        let names = self.0.remove("without").unwrap_or_default();
        let known = || Safeguard::ALL.map(Safeguard::name).join(", ");
        let named = |name: &str| {
            let found = Safeguard::ALL
                .into_iter()
                .find(|safeguard| safeguard.name() == name);
            found.ok_or_else(|| format!("--without `{name}`: one of {}", known()))
        };
        names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(named)
            .collect()
    }

    fn needed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<T, String> {
        self.optional(name)?
            .ok_or_else(|| format!("--{name} is missing"))
    }

    fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>, String> {
        let text = self.0.remove(name);
        text.map(|text| {
            text.parse()
                .map_err(|why| format!("--{name} `{text}`: {why}"))
        })
        .transpose()
    }
}
