//! What the figures were measured on. No name of a host, user or folder is in it.

use std::fs;
use std::process::Command;

use crate::cores;

/// Processor, cores and kernel.
pub fn description() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or("?").trim().to_owned();
    format!("{}, {} cores, Linux {kernel}", processor(), cores::count())
}

/// The model of the processor.
pub fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(':'));
    model.map_or("an unknown processor".to_owned(), |(_, model)| {
        model.trim().to_owned()
    })
}

/// A crate's version in the text of a lock file, where the latest version is the last.
pub fn locked(lock: &str, name: &str) -> String {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let found = lock
        .rsplit_once(&entry)
        .and_then(|(_, rest)| rest.split_once('"'));
    format!("{name} {}", found.map_or("?", |(version, _)| version))
}

/// The beginning of what a program says of itself.
pub fn first_words(program: &str, option: &str, words: usize) -> String {
    let output = Command::new(program).arg(option).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    let words: Vec<&str> = text.split_whitespace().take(words).collect();
    match words.is_empty() {
        true => format!("{program} ?"),
        false => words.join(" "),
    }
}
