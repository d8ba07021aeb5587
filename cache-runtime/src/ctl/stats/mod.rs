//! `cachectl stats`: the figures of the server and of the namespace, once or again and again.

mod figures;

use std::time::Duration;

use self::figures::Figures;
use crate::ctl::args::Stats;
use crate::ctl::failure::Failure;
use crate::ctl::out::{Out, Paint, visible};
use crate::ctl::place::Place;
use crate::ctl::units;

/// Clears a terminal and goes to its corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) async fn run(place: &Place, wanted: &Stats, out: &Out) -> Result<u8, Failure> {
    let mut shown = 0;
    let mut before: Option<Figures> = None;
    loop {
        let figures = Figures::read(place).await?;
        if out.json {
            out.json(&figures);
        } else {
            let page = text(place, &figures, before.as_ref(), out);
            let clear = wanted.watch.is_some() && out.is_screen();
            let gap = if shown > 0 && !clear { "\n" } else { "" };
            out.text(&format!("{gap}{}{page}", if clear { CLEAR } else { "" }));
        }
        shown += 1;
        let Some(every) = wanted.watch else {
            return Ok(0);
        };
        if wanted.times.is_some_and(|times| shown >= times) {
            return Ok(0);
        }
        before = Some(figures);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(every)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(0),
        }
    }
}

fn text(place: &Place, figures: &Figures, before: Option<&Figures>, out: &Out) -> String {
    let mut text = format!("{}\n\n", place.described());
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<18} {value}\n"));
    let known = |value: Option<u64>, shown: fn(u64) -> String| {
        value.map_or_else(|| "unknown".to_owned(), shown)
    };
    line("SERVER", String::new());
    let server = &figures.server;
    line(
        "version",
        format!(
            "{} {}, up {}",
            visible(&server.name),
            visible(server.version.as_deref().unwrap_or("")),
            known(server.uptime_seconds, |seconds| units::duration(
                Duration::from_secs(seconds)
            ))
        ),
    );
    let limit = match server.memory_limit_bytes {
        Some(0) | None => "no limit".to_owned(),
        Some(limit) => format!("of {}", units::bytes(limit)),
    };
    let policy = server
        .eviction_policy
        .as_deref()
        .unwrap_or("policy unknown");
    line(
        "memory",
        format!(
            "{} {limit}, {}, peak {}",
            known(server.memory_bytes, units::bytes),
            visible(policy),
            known(server.memory_peak_bytes, units::bytes)
        ),
    );
    line(
        "keys",
        format!("{} in this database", known(server.keys, units::number)),
    );
    line("clients", known(server.clients, units::number));
    line(
        "commands",
        format!(
            "{} a second, {} in all",
            known(server.operations_per_second, units::number),
            known(server.commands, units::number)
        ),
    );
    line(
        "evicted, expired",
        format!(
            "{}, {}",
            known(server.evicted, units::number),
            known(server.expired, units::number)
        ),
    );
    let lookups = |hits: u64, misses: u64| match hits + misses {
        0 => "none yet".to_owned(),
        all => format!(
            "{} hits, {} misses ({:.1} % hits), of all programs",
            units::number(hits),
            units::number(misses),
            hits as f64 * 100.0 / all as f64
        ),
    };
    if let (Some(hits), Some(misses)) = (server.hits, server.misses) {
        line("lookups", lookups(hits, misses));
        if let Some((Some(hits_then), Some(misses_then))) =
            before.map(|then| (then.server.hits, then.server.misses))
        {
            line(
                "… since then",
                lookups(
                    hits.saturating_sub(hits_then),
                    misses.saturating_sub(misses_then),
                ),
            );
        }
    }
    let cache = &figures.cache;
    line("", String::new());
    line("NAMESPACE", String::new());
    line(
        "entries",
        format!("{} in the catalogue", units::number(cache.entries)),
    );
    line("tags on entries", units::number(cache.tagged));
    line(
        "memory",
        format!(
            "about {} in entries, {} in the catalogue, {} in the ledger",
            known(cache.memory.entries_estimate_bytes, units::bytes),
            known(cache.memory.catalogue_bytes, units::bytes),
            known(cache.memory.ledger_bytes, units::bytes)
        ),
    );
    line("ledger", figures.ledger());
    for removal in &cache.ledger.latest {
        let ago =
            units::duration(Duration::try_from_secs_f64(removal.seconds_ago).unwrap_or_default());
        line(
            "",
            format!(
                "{} {}",
                visible(&removal.pattern),
                out.paint(Paint::Dim, &format!("{ago} ago"))
            ),
        );
    }
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
