//! The reports of several masters as one: what is the same on all of them is said once.

use crate::ctl::doctor::report::{Check, Report};

/// Adds what was found on each of these nodes.
pub(super) fn gather(found: Vec<(String, Report)>, report: &mut Report) {
    let mut ids: Vec<&'static str> = Vec::new();
    for check in found.iter().flat_map(|(_, one)| &one.checks) {
        if !ids.contains(&check.id) {
            ids.push(check.id);
        }
    }
    for id in ids {
        for (check, nodes) in different(&found, id) {
            if nodes.len() == found.len() && found.len() > 1 {
                let what = format!("{} (on all {} masters)", check.what, nodes.len());
                report.add(Check {
                    what,
                    ..check.clone()
                });
                continue;
            }
            for node in nodes {
                report.add(check.clone().at(node));
            }
        }
    }
    let mut users = found.iter().filter_map(|(_, one)| one.user.clone());
    report.user = users.next_back().or(report.user.take());
    let clocks = found.iter().filter_map(|(_, one)| one.clock_difference_ms);
    report.clock_difference_ms = clocks.max_by_key(|clock| clock.unsigned_abs());
    report.connection_test = found.iter().find_map(|(_, one)| one.connection_test);
    // A command counts as allowed if it is on all of them.
    for (_, one) in found {
        for permission in one.commands {
            let known = report.commands.iter_mut();
            match known
                .into_iter()
                .find(|known| known.command == permission.command)
            {
                Some(known) if known.allowed => *known = permission,
                Some(_) => {}
                None => report.commands.push(permission),
            }
        }
    }
}

/// Each different check of that name, with the nodes that it was found on.
fn different<'a>(found: &'a [(String, Report)], id: &str) -> Vec<(&'a Check, Vec<&'a str>)> {
    let mut different: Vec<(&Check, Vec<&str>)> = Vec::new();
    for (node, one) in found {
        for check in one.checks.iter().filter(|check| check.id == id) {
            match different.iter_mut().find(|(other, _)| *other == check) {
                Some((_, nodes)) => nodes.push(node),
                None => different.push((check, vec![node])),
            }
        }
    }
    different
}
