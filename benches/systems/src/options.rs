//! The options of the command line.

use std::path::PathBuf;
use std::time::Duration;

use bench_parts::cores;

pub(crate) const USAGE: &str = "\
systems [--only job-board|articles|payroll|writes] [--rounds N] [--quick] [--busy] [--out DIR]

  --only    one part instead of all four
  --rounds  rounds of each measurement, 5 if not given; the median is reported
  --quick   one short round of each over small tables, to see whether it works
  --busy    says on the page that the machine had other work
  --out     where systems.md and its pictures go: docs/benchmarks, or target/systems with --only or --quick";

const PARTS: [&str; 4] = ["job-board", "articles", "payroll", "writes"];

pub(crate) enum Options {
    Bench(Bench),
    Serve(Serve),
    Help,
}

pub(crate) struct Bench {
    only: Option<String>,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) busy: bool,
    pub(crate) out: PathBuf,
}

/// The hidden subcommand.
pub(crate) struct Serve {
    pub(crate) what: String,
    pub(crate) database: String,
    /// To the database and back.
    pub(crate) round_trip: Duration,
}

impl Bench {
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }

    /// Whether the service gets a core of its own.
    pub(crate) fn pinned(&self) -> bool {
        !self.quick && cores::count() >= 2
    }
}

pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut only, mut rounds, mut out) = (None, None, None);
    let (mut quick, mut busy) = (false, false);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "serve" => return serve(words).map(Options::Serve),
            "--help" | "-h" => return Ok(Options::Help),
            "--quick" => quick = true,
            "--busy" => busy = true,
            "--rounds" => rounds = Some(number(&value()?)?.max(1) as usize),
            "--out" => out = Some(PathBuf::from(value()?)),
            "--only" => match value()? {
                part if PARTS.contains(&part.as_str()) => only = Some(part),
                other => return Err(format!("no part is called {other}")),
            },
            other => return Err(format!("{other} is no option")),
        }
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let usual = match quick || only.is_some() {
        true => root.join("target/systems"),
        false => root.join("docs/benchmarks"),
    };
    Ok(Options::Bench(Bench {
        only,
        rounds: rounds.unwrap_or(if quick { 1 } else { 5 }),
        quick,
        busy,
        out: out.unwrap_or(usual),
    }))
}

fn serve(mut words: impl Iterator<Item = String>) -> Result<Serve, String> {
    let mut serve = Serve {
        what: words.next().ok_or("serve needs a service")?,
        database: String::new(),
        round_trip: Duration::ZERO,
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        match word.as_str() {
            "--database" => serve.database = value,
            "--round-trip-ms" => serve.round_trip = Duration::from_millis(number(&value)?),
            other => return Err(format!("{other} is no option of serve")),
        }
    }
    Ok(serve)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
