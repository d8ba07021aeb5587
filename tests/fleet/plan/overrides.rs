//! What the command line changes about a plan: the same for the fleet and for each of its processes.

use std::time::Duration;

use super::Plan;
use crate::names::Names;
use crate::servers::ServerKind;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overrides {
    /// In milliseconds.
    pub(crate) round_trip: Option<u64>,
    /// In milliseconds.
    pub(crate) budget: Option<u64>,
    pub(crate) rate: Option<u64>,
    pub(crate) rows: Option<u32>,
    pub(crate) names: Option<Names>,
    pub(crate) tenants: Option<u32>,
    pub(crate) servers: Option<ServerKind>,
}

impl Overrides {
    pub(crate) fn apply(self, plan: Plan) -> Plan {
        Plan {
            round_trip: self
                .round_trip
                .map_or(plan.round_trip, Duration::from_millis),
            budget: self.budget.map_or(plan.budget, Duration::from_millis),
            rate: self.rate.unwrap_or(plan.rate),
            rows: self.rows.unwrap_or(plan.rows).max(1),
            names: self.names.unwrap_or(plan.names),
            tenants: self.tenants.unwrap_or(plan.tenants),
            servers: self.servers.unwrap_or(plan.servers),
            ..plan
        }
    }

    /// Such that these, applied to a plan of that name, make this plan.
    pub(crate) fn that_make(plan: &Plan) -> [(&'static str, String); 7] {
        [
            ("--round-trip", plan.round_trip.as_millis().to_string()),
            ("--budget", plan.budget.as_millis().to_string()),
            ("--rate", plan.rate.to_string()),
            ("--rows", plan.rows.to_string()),
            ("--names", plan.names.name().to_owned()),
            ("--tenants", plan.tenants.to_string()),
            ("--servers", plan.servers.name().to_owned()),
        ]
    }
}
