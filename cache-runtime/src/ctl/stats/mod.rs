//! `cachectl stats`: the figures of the server and of the namespace, once or again and again.

mod figures;

use std::time::Duration;

use self::figures::{Figures, MasterFigures, Server};
use crate::ctl::args::Stats;
use crate::ctl::failure::Failure;
use crate::ctl::out::{Out, Paint, visible};
use crate::ctl::place::Place;
use crate::ctl::table::Table;
use crate::ctl::units;

/// Clears a terminal and goes to its corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) async fn run(place: &Place, wanted: &Stats, out: &Out) -> Result<u8, Failure> {
    if wanted.watch.is_none() {
        return watch(place, wanted, out).await;
    }
    tokio::select! {
        watched = watch(place, wanted, out) => watched,
        _ = tokio::signal::ctrl_c() => Ok(0),
    }
}

/// Shows the figures until that was done often enough.
async fn watch(place: &Place, wanted: &Stats, out: &Out) -> Result<u8, Failure> {
    let mut before: Option<Figures> = None;
    let mut code = 0;
    for shown in 1.. {
        let figures = Figures::read(place).await?;
        if out.json {
            out.json(&figures);
        } else {
            let clears = wanted.watch.is_some() && out.is_screen();
            let lead = match (clears, shown) {
                (true, _) => CLEAR,
                (false, 1) => "",
                (false, _) => "\n",
            };
            let page = text(place, &figures, before.as_ref(), out);
            out.text(&format!("{lead}{page}"));
        }
        out.unavailable(&figures.unavailable, "missing: the figures of");
        code = u8::from(!figures.unavailable.is_empty());
        let Some(every) = wanted.watch else { break };
        if wanted.times.is_some_and(|times| shown >= times) {
            break;
        }
        before = Some(figures);
        tokio::time::sleep(Duration::from_secs(every)).await;
    }
    Ok(code)
}

fn text(place: &Place, figures: &Figures, before: Option<&Figures>, out: &Out) -> String {
    let head = match figures.masters.len() {
        0 => "SERVER".to_owned(),
        count => format!("ALL {count} MASTERS THAT ANSWER"),
    };
    let mut lines = vec![place.described(), String::new(), head];
    lines.extend(server(&figures.server, before.map(|before| &before.server)));
    lines.extend([String::new(), "NAMESPACE".to_owned()]);
    lines.extend(namespace(figures, out));
    let mut text: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
    if !figures.masters.is_empty() {
        text.push_str(&format!("\n{}", masters(&figures.masters)));
    }
    text
}

/// A row for each master of a cluster.
fn masters(all: &[MasterFigures]) -> String {
    let head = [
        "MASTER",
        "SLOTS",
        "BUCKETS",
        "ENTRIES",
        "KEYS",
        "MEMORY",
        "CLIENTS",
        "COMMANDS/S",
        "VERSION",
    ];
    let mut table = Table::new(&head, &[1, 2, 3, 4, 5, 6, 7]);
    for master in all {
        let server = &master.server;
        table.row(vec![
            master.node.clone(),
            units::number(master.slots),
            master.buckets.to_string(),
            units::number(master.cache.entries),
            known(server.keys, units::number),
            known(server.memory_bytes, units::bytes),
            known(server.clients, units::number),
            known(server.operations_per_second, units::number),
            visible(server.version.as_deref().unwrap_or("unknown")),
        ]);
    }
    table.render()
}

fn server(server: &Server, before: Option<&Server>) -> Vec<String> {
    let limit = match server.memory_limit_bytes {
        Some(0) | None => "without a limit".to_owned(),
        Some(limit) => format!("of {}", units::bytes(limit)),
    };
    let uptime = |seconds| units::duration(Duration::from_secs(seconds));
    let mut lines = vec![
        line(
            "version",
            &format!(
                "{} {}, up {}",
                visible(&server.name),
                visible(server.version.as_deref().unwrap_or("of an unknown version")),
                known(server.uptime_seconds, uptime)
            ),
        ),
        line(
            "memory",
            &format!(
                "{} {limit}, peak {}, maxmemory-policy {}",
                known(server.memory_bytes, units::bytes),
                known(server.memory_peak_bytes, units::bytes),
                visible(server.eviction_policy.as_deref().unwrap_or("unknown"))
            ),
        ),
        line(
            "keys",
            &format!("{} in this database", known(server.keys, units::number)),
        ),
        line("clients", &known(server.clients, units::number)),
        line(
            "commands",
            &format!(
                "{} a second, {} in all",
                known(server.operations_per_second, units::number),
                known(server.commands, units::number)
            ),
        ),
        line(
            "evicted, expired",
            &format!(
                "{}, {}",
                known(server.evicted, units::number),
                known(server.expired, units::number)
            ),
        ),
    ];
    lines.extend(all_lookups(server, before));
    lines
}

/// Of all programs since the server's start; and since the figures before these.
fn all_lookups(server: &Server, before: Option<&Server>) -> Vec<String> {
    let of = |server: &Server| server.hits.zip(server.misses);
    let Some((hits, misses)) = of(server) else {
        return Vec::new();
    };
    let mut lines = vec![line("lookups", &lookups(hits, misses))];
    if let Some((hits_then, misses_then)) = before.and_then(of) {
        let since = lookups(
            hits.saturating_sub(hits_then),
            misses.saturating_sub(misses_then),
        );
        lines.push(line("since the last", &since));
    }
    lines
}

fn namespace(figures: &Figures, out: &Out) -> Vec<String> {
    let cache = &figures.cache;
    let memory = &cache.memory;
    let mut lines = vec![
        line(
            "entries",
            &format!("{} in the catalogue", units::number(cache.entries)),
        ),
        line("tags on entries", &units::number(cache.tagged)),
        line(
            "memory",
            &format!(
                "about {} in entries, {} in the catalogue, {} in the ledger",
                known(memory.entries_estimate_bytes, units::bytes),
                known(memory.catalogue_bytes, units::bytes),
                known(memory.ledger_bytes, units::bytes)
            ),
        ),
        line("ledger", &figures.ledger()),
    ];
    for removal in &cache.ledger.latest {
        let ago = Duration::try_from_secs_f64(removal.seconds_ago).unwrap_or_default();
        let ago = out.paint(Paint::Dim, &format!("{} ago", units::duration(ago)));
        lines.push(line("", &format!("{} {ago}", visible(&removal.pattern))));
    }
    lines
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<18} {value}")
}

fn known(value: Option<u64>, shown: impl Fn(u64) -> String) -> String {
    value.map_or_else(|| "unknown".to_owned(), shown)
}

fn lookups(hits: u64, misses: u64) -> String {
    match hits + misses {
        0 => "none".to_owned(),
        all => format!(
            "{} hits, {} misses ({:.1} % hits), of all programs",
            units::number(hits),
            units::number(misses),
            hits as f64 * 100.0 / all as f64
        ),
    }
}
