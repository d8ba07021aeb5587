//! How much the compiler has to chew on for one more cached function.
//!
//! Seconds differ from machine to machine; the lines of LLVM IR that a function becomes do not, and build time and size of
//! a debug build follow them. So this generates programs of 20 and of 40 functions, compiles both, and takes the
//! difference for each function: what is needed once, however many functions there are, falls out. The same is done for
//! `tracing::instrument`, so that a failure shows whether the compiler has changed, or the attribute.
//!
//! The programs are those of `benches/compile`, which measures seconds and megabytes.
//!
//! They are packages of their own, with a copy of this workspace's lock file, so that cargo needs no network. Their
//! target folder is one for all of them, below the workspace's: the first run compiles what they depend on, which takes
//! about a minute of two cores, and later runs only what has changed. What the workspace has compiled cannot be used
//! instead: which features it has been compiled with depends on how the tests were started (`--workspace`,
//! `--package`), and a package outside of the workspace would ask for others.

#[expect(dead_code, reason = "the bench needs more of it")]
#[path = "../benches/compile/src/generated/mod.rs"]
mod generated;

use std::fs;
use std::path::Path;

use generated::{Kind, Package};

/// Lines of LLVM IR that one more `#[cached]` function may cost in a debug build.
///
/// It is 1,191 with Rust 1.95, where one of `tracing::instrument` costs 1,431. Lower it when the attribute gets cheaper. If
/// `instrument` has moved as well, the compiler has changed: then raise it as much.
const BOUND: usize = 1_260;

/// Without debug information, which has lines of its own.
const PROFILES: &str = "[profile.dev]\ndebug = false\nincremental = false\n";

const FEW: usize = 20;
const MANY: usize = 40;

#[test]
fn a_cached_function_is_not_much_for_the_compiler() {
    let ours = lines_per_function(Kind::Ours);
    let instrument = lines_per_function(Kind::Instrument);
    println!(
        "lines of LLVM IR for each function: {ours}; with `tracing::instrument`: {instrument}"
    );
    assert!(
        ours <= BOUND,
        "a `#[cached]` function became {ours} lines of LLVM IR, more than {BOUND}; one with `tracing::instrument` \
         became {instrument}. `cargo llvm-lines` in {} tells which functions they are in",
        folder().join(format!("ours-{MANY}")).display()
    );
}

/// The same for a function that is not `async`. It is 1,042 with Rust 1.95.
const BOUND_SYNC: usize = 1_100;

#[test]
fn a_cached_function_that_is_not_async_is_less() {
    let ours = lines_per_function(Kind::OursSync);
    println!("lines of LLVM IR for each function that is not `async`: {ours}");
    assert!(
        ours <= BOUND_SYNC,
        "a `#[cached]` function that is not `async` became {ours} lines of LLVM IR, more than {BOUND_SYNC}"
    );
}

fn lines_per_function(kind: Kind) -> usize {
    let [few, many] = [FEW, MANY].map(|functions| lines(kind, functions));
    (many - few) / (MANY - FEW)
}

/// Lines inside of functions, in all that a program of so many functions becomes.
fn lines(kind: Kind, functions: usize) -> usize {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in a folder of the repository");
    let package = Package::write(
        kind,
        functions,
        &folder(),
        &folder().join("target"),
        repository,
        &repository.join("Cargo.lock"),
        PROFILES,
    )
    .expect("it can be written");
    // Beside what cargo goes by when it does not compile anew, so that neither is ever there without the other.
    let ir = package.target().join(format!("{}.ll", package.name()));
    let build = |offline: &[&str]| {
        let mut cargo = package.cargo("rustc");
        cargo.args(offline).args(["--", "-Ccodegen-units=1"]);
        cargo.arg(format!("--emit=llvm-ir={}", ir.display()));
        cargo.output().expect("cargo runs")
    };
    // The workspace's build has downloaded all dependencies of these programs. If cargo's copy of the registry's index lacks
    // one of them, the second attempt may ask the registry.
    let mut output = build(&["--offline"]);
    if !output.status.success() {
        output = build(&[]);
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(ir).expect("rustc has written it");
    lines_in_functions(&text)
}

/// A definition begins with `define` and ends with `}`, both at the beginning of their lines.
fn lines_in_functions(ir: &str) -> usize {
    let mut inside = false;
    ir.lines()
        .filter(|line| {
            if line.starts_with("define ") {
                inside = true;
            } else if *line == "}" {
                inside = false;
            } else {
                return inside && !line.is_empty();
            }
            false
        })
        .count()
}

/// Where programs are generated and compiled.
fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("llvm_lines")
}
