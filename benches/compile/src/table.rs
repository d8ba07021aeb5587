//! Markdown.

use crate::generated::Kind;
use crate::measure::{Figures, Spent};
use crate::options::Options;

/// The explanation of the rows, printed below the table.
const LEGEND: &str = "\
- **whole crate**: the crate's own artifacts are removed, then `cargo build`: all functions and the linking, incremental
  compilation on, as in cargo's dev profile. Dependencies are there already.
- **touch and rebuild**: one constant in one body is changed, then `cargo build`, incremental.
- **release build**: as the first row, with `cargo build --release` and `strip = true`.
- **CPU**: what the same builds took of all cores together. Other work on the machine changes it less than the seconds
  above it.
- **binary**: the program as cargo leaves it, with debug information; then after `strip`; then the release build, stripped.
  What a library brings once, however many functions there are, is in it.";

/// The table, with one line before it that says of what.
pub fn print(options: &Options, figures: &[Figures]) {
    println!(
        "{} functions, median of {} round(s), {} cores, {}.\n",
        options.functions,
        options.rounds,
        std::thread::available_parallelism().map_or(0, usize::from),
        compiler(),
    );
    println!(
        "| | plain | `instrument` | `cached` {} | ours | x plain | x `instrument` | x `cached` |",
        version_of_cached()
    );
    println!("|---|---|---|---|---|---|---|---|");
    times("whole crate, debug", figures, |figures| &figures.whole);
    times("touch and rebuild, debug", figures, |figures| {
        &figures.touched
    });
    megabytes("binary, debug", figures, |figures| figures.debug_size);
    megabytes("binary, debug, stripped", figures, |figures| {
        figures.debug_stripped
    });
    times("release build", figures, |figures| &figures.release);
    megabytes("binary, release, stripped", figures, |figures| {
        figures.release_stripped
    });
    println!("\n{LEGEND}");
}

/// A row of seconds, and one of what they took of all cores.
fn times(name: &str, figures: &[Figures], of: impl Fn(&Figures) -> &Vec<Spent>) {
    let of = &of;
    let medians = |part: fn(&Spent) -> Option<f64>| {
        figures.iter().map(move |figures| {
            let values: Option<Vec<f64>> = of(figures).iter().map(part).collect();
            values.and_then(median)
        })
    };
    row(name, "s", medians(|spent| Some(spent.wall)).collect());
    row(
        &format!("{name}, CPU"),
        "s",
        medians(|spent| spent.cpu).collect(),
    );
}

fn megabytes(name: &str, figures: &[Figures], of: impl Fn(&Figures) -> Option<u64>) {
    let sizes = figures
        .iter()
        .map(|figures| of(figures).map(|bytes| bytes as f64 / 1e6));
    row(name, "MB", sizes.collect());
}

/// One row, unless nothing of it was measured: a value for each kind, then the ratios of ours to the others.
fn row(name: &str, unit: &str, values: Vec<Option<f64>>) {
    if values.iter().all(Option::is_none) {
        return;
    }
    let cells: Vec<String> = values
        .iter()
        .map(|value| value.map_or("–".into(), |value| format!("{value:.2} {unit}")))
        .collect();
    let of = |kind: Kind| {
        let at = Kind::ALL.iter().position(|&other| other == kind)?;
        values.get(at).copied().flatten()
    };
    let ratios = [Kind::Plain, Kind::Instrument, Kind::Cached].map(|peer| {
        of(Kind::Ours)
            .zip(of(peer))
            .map_or("–".into(), |(ours, peer)| format!("{:.2}", ours / peer))
    });
    println!(
        "| {name} | {} | {} |",
        cells.join(" | "),
        ratios.join(" | ")
    );
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        even if even % 2 == 0 => Some((values[middle - 1] + values[middle]) / 2.0),
        _ => Some(values[middle]),
    }
}

/// As it is in the lock file.
fn version_of_cached() -> &'static str {
    include_str!("../Cargo.lock")
        .split_once("name = \"cached\"\nversion = \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("?", |(version, _)| version)
}

fn compiler() -> String {
    std::process::Command::new("rustc")
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or("an unknown compiler".into(), |line| line.trim().to_owned())
}
