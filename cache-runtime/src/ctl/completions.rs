//! `cachectl completions`: a script that completes commands and options in a shell.

use clap::CommandFactory as _;

use crate::ctl::args::{Args, Completions};
use crate::ctl::out::Out;

pub(super) fn run(wanted: &Completions, out: &Out) {
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut Args::command(), "cachectl", &mut script);
    out.bytes(&script);
}
