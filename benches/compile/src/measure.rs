//! Builds, and what they take.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::generated::Package;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The measurements of one kind of program, a value for each round.
#[derive(Default)]
pub struct Figures {
    /// The debug build of the package alone.
    pub whole: Vec<Spent>,
    /// The debug build after a change of one body.
    pub touched: Vec<Spent>,
    /// The release build of the package alone.
    pub release: Vec<Spent>,
    /// Bytes of the debug program.
    pub debug_size: Option<u64>,
    /// Bytes of the debug program, without symbols and debug information.
    pub debug_stripped: Option<u64>,
    /// Bytes of the release program, without symbols.
    pub release_stripped: Option<u64>,
}

/// The time that a build took.
#[derive(Clone, Copy)]
pub struct Spent {
    /// Seconds until it had ended.
    pub wall: f64,
    /// Seconds of all cores, where the system tells. Other work on the machine changes it less.
    pub cpu: Option<f64>,
}

/// Builds what the kind's programs depend on, by way of a small one of the same target folder.
pub fn prepare(small: &Package, release: bool) -> Result<()> {
    run(&mut small.cargo("build"))?;
    if release {
        run(small.cargo("build").arg("--release"))?;
    }
    Ok(())
}

/// One round of debug builds.
pub fn debug(package: &Package, figures: &mut Figures) -> Result<()> {
    run(package.cargo("clean").args(["-p", &package.name()]))?;
    figures.whole.push(spent(&mut package.cargo("build"))?);
    let program = program(package, "debug");
    ask(package, &program)?;
    figures.debug_size = Some(fs::metadata(&program)?.len());
    figures.debug_stripped = stripped(&program);
    // A constant that no earlier round, and no earlier run, has had.
    let constant = std::time::UNIX_EPOCH.elapsed()?.as_nanos() as u64;
    package.change(constant)?;
    figures.touched.push(spent(&mut package.cargo("build"))?);
    Ok(())
}

/// One round of release builds.
pub fn release(package: &Package, figures: &mut Figures) -> Result<()> {
    run(package
        .cargo("clean")
        .args(["--release", "-p", &package.name()]))?;
    figures
        .release
        .push(spent(package.cargo("build").arg("--release"))?);
    figures.release_stripped = Some(fs::metadata(program(package, "release"))?.len());
    Ok(())
}

/// Does the program do what it is for?
fn ask(package: &Package, program: &Path) -> Result<()> {
    let output = Command::new(program)
        .env_remove("REDIS_URL")
        .env_remove("REDIS_PRIVATE_URL")
        .env_remove("UPSTASH_REDIS_REST_URL")
        .output()?;
    if String::from_utf8_lossy(&output.stdout) != package.farewell() {
        return Err(format!("{} does not work: {output:?}", package.name()).into());
    }
    Ok(())
}

fn program(package: &Package, profile: &str) -> PathBuf {
    package
        .target()
        .join(profile)
        .join(package.name())
        .with_extension(std::env::consts::EXE_EXTENSION)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(())
}

fn spent(command: &mut Command) -> Result<Spent> {
    let (start, before) = (Instant::now(), cpu_of_children());
    run(command)?;
    let wall = start.elapsed().as_secs_f64();
    let cpu = before
        .zip(cpu_of_children())
        .map(|(before, after)| after - before);
    // A long run shows that it gets on, and one that is stopped has not been for nothing.
    eprint!(" {wall:.1} s");
    Ok(Spent { wall, cpu })
}

/// Seconds that processes which this one has started, and theirs, have spent so far. Linux only, in hundredths.
fn cpu_of_children() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is this program's name in parentheses; of the rest, the 14th and 15th are those of children.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(13)? + ticks(14)?) / 100.0)
}

/// How long a program is without its symbols, if there is a `strip`; it comes with most linkers.
fn stripped(program: &Path) -> Option<u64> {
    let copy = program.with_extension("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(program)
        .status()
        .ok()?;
    let size = fs::metadata(&copy).ok()?.len();
    let _ = fs::remove_file(copy);
    status.success().then_some(size)
}
