//! The options of the command line.

use std::path::PathBuf;

pub const USAGE: &str = "\
http [--only hot|mix|stampede|outage] [--rounds N] [--quick] [--out DIR]

  --only    one table instead of all four
  --rounds  rounds of each measurement, 5 if not given; the median is reported
  --quick   one short round of each, to see whether it works
  --out     where http.md and its charts go: docs/benchmarks, or target/report with --only or --quick";

pub enum Options {
    Bench(Bench),
    Serve(Serve),
    Help,
}

pub struct Bench {
    pub only: Option<String>,
    pub rounds: usize,
    pub quick: bool,
    pub out: PathBuf,
}

/// The hidden subcommand.
pub struct Serve {
    pub contender: String,
    pub redis: String,
    pub load_ms: u64,
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut only, mut rounds, mut quick, mut out) = (None, None, false, None);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "serve" => return serve(words).map(Options::Serve),
            "--help" | "-h" => return Ok(Options::Help),
            "--quick" => quick = true,
            "--rounds" => rounds = Some(number(&value()?)?.max(1) as usize),
            "--out" => out = Some(PathBuf::from(value()?)),
            "--only" => match value()? {
                table if ["hot", "mix", "stampede", "outage"].contains(&table.as_str()) => {
                    only = Some(table);
                }
                other => return Err(format!("no table is called {other}")),
            },
            other => return Err(format!("{other} is no option")),
        }
    }
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let usual = match quick || only.is_some() {
        true => here.join("target/report"),
        false => here.join("../../docs/benchmarks"),
    };
    Ok(Options::Bench(Bench {
        only,
        rounds: rounds.unwrap_or(if quick { 1 } else { 5 }),
        quick,
        out: out.unwrap_or(usual),
    }))
}

fn serve(mut words: impl Iterator<Item = String>) -> Result<Serve, String> {
    let mut serve = Serve {
        contender: words.next().ok_or("serve needs a contender")?,
        redis: String::new(),
        load_ms: 2,
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        match word.as_str() {
            "--redis" => serve.redis = value,
            "--load-ms" => serve.load_ms = number(&value)?,
            "--port" if value == "0" => {}
            other => return Err(format!("{other} is no option of serve")),
        }
    }
    Ok(serve)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
