//! The program itself, as it is started: over sockets and a file, with a real Redis that dies.

mod deadline;
mod program;
mod redis;

mod ending;
mod outage;
mod settings;
