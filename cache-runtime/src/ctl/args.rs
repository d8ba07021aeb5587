//! The command-line arguments.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::ttl::parse_duration;

const AFTER: &str = "\
Settings come from the environment, as for a program that uses the cache: REDIS_URL, CACHE_NAMESPACE and the others in the
README of cache-runtime. A password is better placed in REDIS_URL than after --url, where other users of this machine can see
it. It is never printed.

Exit codes: 0 all is well, 1 problems were found, 2 wrong usage, or no connection.";

const AFTER_MAP: &str = "\
Comments directly above a function say what its source does not show:
  // cache-map: reads jobs, companies          what the cached function reads
  // cache-map: writes jobs                    what the function writes, so that it has to remove what reads it
  // cache-map: allow(unremoved) WHY           nobody removes what it stores, and that is right; also allow(unmatched)
  // cache-map: key employee:<code>            the key that an expression gives; also tags author:<id>, all
  // cache-map: removes jobs:<id>, #all        what it removes in a way that is not seen

Exit codes: 0 all is well, 1 a check found something, or a file does not parse, 2 wrong usage.";

/// Looks at a cache in Redis, removes from it, and finds out what is wrong with it.
#[derive(Parser)]
#[command(name = "cachectl", version, after_help = AFTER, arg_required_else_help = true)]
pub(super) struct Args {
    /// The server, instead of REDIS_URL: redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://; several hosts are a cluster
    #[arg(long, global = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The namespace, instead of CACHE_NAMESPACE; "" for none
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) namespace: Option<String>,
    /// Print one JSON document on standard output, errors included
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Args {
    /// Whether the answer is a JSON document.
    pub(super) fn wants_json(&self) -> bool {
        let is_format = matches!(&self.command, Command::Map(map) if map.format == Format::Json);
        self.json || is_format
    }
}

/// Without the URL, which may contain a password.
impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Args")
            .field("namespace", &self.namespace)
            .field("json", &self.json)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find out what is wrong: connection, permissions, features, memory, latency
    Doctor,
    /// Show the figures of the server and of the namespace
    Stats(Stats),
    /// List entries: age, time left, size, encoding, tags, and which removal made them stale
    Keys(Keys),
    /// Show one entry: its header and its payload
    Get(Get),
    /// Remove the entries that a pattern covers, in all processes
    Invalidate(Invalidate),
    /// Remove every entry of the namespace
    Clear(Clear),
    /// Measure the cache against plain Redis commands, in a namespace of its own that is removed afterwards
    Bench(Bench),
    /// Find forgotten invalidations in the source of a program: what removes what, without a server
    Map(Map),
    /// Print a completion script for a shell
    Completions(Completions),
}

#[derive(Debug, clap::Args)]
pub(super) struct Stats {
    /// Show the figures again and again, every 2 seconds or as often as given, until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) watch: Option<u64>,
    /// With --watch: stop after showing them this often
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) times: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    /// The beginning of the keys, such as `jobs:`, or a tag, such as `#author:7`; all keys without it
    #[arg(value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub(super) prefix: String,
    /// How many entries to list at most; 0 for all
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(super) limit: usize,
    /// List stale entries only
    #[arg(long)]
    pub(super) stale: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Get {
    /// The key, as `cachectl keys` prints it or as the program writes it, without the namespace
    #[arg(value_name = "KEY")]
    pub(super) key: String,
    /// Write the payload alone, byte for byte, to standard output
    #[arg(long, conflicts_with = "json")]
    pub(super) raw: bool,
    /// Show the whole payload, however long
    #[arg(long)]
    pub(super) full: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Invalidate {
    /// `jobs:` everything below it; `jobs:stats` that key and everything below it; `=jobs:stats` that key alone;
    /// `user:*:roles` a glob; `#author:7` every entry with this tag
    #[arg(value_name = "PATTERN")]
    pub(super) pattern: String,
    /// Only count what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Clear {
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    /// How long to measure
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(super) seconds: u64,
    /// How many tasks work at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(super) tasks: u16,
    /// How many keys they share
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub(super) keys: u32,
    /// The size of a value in bytes
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub(super) bytes: u32,
    /// How many of a hundred operations are reads, writes and removals
    #[arg(long, value_name = "R:W:X", default_value = "80:15:5")]
    pub(super) mix: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_MAP)]
pub(super) struct Map {
    /// Rust files, or folders that are searched for them; `src` without any
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(super) paths: Vec<PathBuf>,
    /// Name what is wrong, and end with 1 if something is
    #[arg(long)]
    pub(super) check: bool,
    /// How the map is printed
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// How long an entry may live that nobody removes
    #[arg(long, value_name = "TTL", default_value = "5m", value_parser = parse_duration)]
    pub(super) max_unremoved_ttl: Duration,
}

/// A form of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table
    Table,
    /// Source for Graphviz
    Dot,
    /// A picture
    Svg,
    /// The same as --json
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Args;

    #[test]
    fn the_definition_holds_and_shows_no_password() {
        Args::command().debug_assert();
        let words = ["cachectl", "--url", "redis://u:hunter2@localhost", "keys"];
        let args = Args::try_parse_from(words).unwrap();
        assert!(args.url.is_some());
        assert!(!format!("{args:?}").contains("hunter2"));
    }
}
