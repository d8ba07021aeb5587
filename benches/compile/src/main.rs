//! What does `#[cached]` cost where it is compiled, next to no attribute, to `tracing::instrument`, and to the attribute
//! of the crate `cached`?
//!
//! ```console
//! $ cargo run --release --manifest-path benches/compile/Cargo.toml
//! ```
//!
//! Writes one program for each, of 200 functions that are otherwise the same (`--functions` says how many), and builds it
//! again and again, in rounds in which each kind has its turn (`--rounds`, 3 by default). Dependencies are built before,
//! and are not counted. Prints Markdown with medians. `--no-release` leaves the slower half out.

mod generated;
mod measure;
mod options;
mod table;

use std::error::Error;
use std::path::Path;

use generated::{Kind, Package};
use measure::Figures;
use options::Options;

/// `strip` as a service is shipped; all else is cargo's default.
const PROFILES: &str = "[profile.release]\nstrip = true\n";

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read(std::env::args().skip(1))?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut figures = Vec::new();
    for kind in Kind::ALL {
        eprintln!("{}: building what it depends on", kind.name());
        measure::prepare(&write(kind, 1, here)?, options.release)?;
        figures.push((write(kind, options.functions, here)?, Figures::default()));
    }
    for round in 1..=options.rounds {
        for (package, figures) in &mut figures {
            eprint!("round {round} of {}, {}:", options.rounds, package.name());
            measure::debug(package, figures)?;
            if options.release {
                measure::release(package, figures)?;
            }
            eprintln!();
        }
    }
    let figures: Vec<Figures> = figures.into_iter().map(|(_, figures)| figures).collect();
    table::print(&options, &figures);
    Ok(())
}

/// Each kind has a target folder of its own: their dependencies want different features of the same crates.
fn write(kind: Kind, functions: usize, here: &Path) -> std::io::Result<Package> {
    let parent = here.join("target/generated");
    Package::write(
        kind,
        functions,
        &parent,
        &parent.join("target").join(kind.name()),
        &here.join("../.."),
        &here.join("Cargo.lock"),
        PROFILES,
    )
}
