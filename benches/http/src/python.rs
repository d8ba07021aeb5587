//! A Python with the pinned packages of `python/requirements.txt`, in a virtual environment below `target/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGES: &str = include_str!("../python/requirements.txt");

pub struct Python {
    interpreter: Option<PathBuf>,
}

impl Python {
    /// Makes the environment if it is not there. Without it, the contenders that need it are left out.
    pub fn prepare() -> Self {
        let home = here().join("target/python");
        let interpreter = home.join("bin/python");
        let ready = has_packages(&interpreter) || install(&home, &interpreter);
        Self {
            interpreter: ready.then_some(interpreter),
        }
    }

    pub fn interpreter(&self) -> Option<&Path> {
        self.interpreter.as_deref()
    }

    pub fn program(&self) -> PathBuf {
        here().join("python/service.py")
    }

    /// Names the versions of Python and of its packages, for the head of the report.
    pub fn versions(&self) -> Option<String> {
        let interpreter = self.interpreter()?;
        let output = Command::new(interpreter).arg("--version").output().ok()?;
        let python = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let packages = PACKAGES.lines().map(|line| {
            let (name, version) = line.split_once("==").expect("a pinned package");
            let name = name.split('[').next().unwrap_or(name);
            format!("{name} {version}")
        });
        let packages: Vec<String> = packages.collect();
        Some(format!("{python}, {}", packages.join(", ")))
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn has_packages(interpreter: &Path) -> bool {
    let output = Command::new(interpreter)
        .args(["-m", "pip", "freeze"])
        .output();
    let installed = output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    PACKAGES.lines().all(|wanted| {
        let (name, version) = wanted.split_once("==").expect("a pinned package");
        let name = name.split('[').next().unwrap_or(name);
        let wanted = format!("{name}=={version}");
        installed.lines().any(|line| line == wanted)
    })
}

fn install(home: &Path, interpreter: &Path) -> bool {
    eprintln!("making a Python environment in {}", home.display());
    let made = ["python3.11", "python3"].iter().any(|python| {
        let mut venv = Command::new(python);
        succeeds(venv.args(["-m", "venv"]).arg(home))
    });
    let list = here().join("python/requirements.txt");
    let mut pip = Command::new(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "-r"])
        .arg(list);
    made && succeeds(&mut pip)
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
