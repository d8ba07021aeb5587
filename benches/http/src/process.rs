//! A contender's service as a running process, on a core of its own where there is more than one.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::contenders::{Contender, Service};
use crate::python::Python;
use bench_parts::cores;
use bench_parts::cpu;

pub struct Process {
    pub address: SocketAddr,
    child: Child,
}

impl Process {
    /// Starts it and waits for its address. `None`: it needs a Python that is not there.
    pub fn start(
        contender: Contender,
        redis: Option<&str>,
        load: Duration,
        python: &Python,
    ) -> Option<Self> {
        let mut command = match contender.service {
            Service::Rust(_) => rust(contender, redis, load),
            Service::Python(form) => {
                let mut command = cores::on_service_core(python.interpreter()?);
                command.arg(python.program()).arg(form);
                command.arg(load.as_millis().to_string()).args(redis);
                command
            }
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", contender.name));
        let mut line = String::new();
        let out = child.stdout.take().expect("a pipe");
        let _ = BufReader::new(out).read_line(&mut line);
        let address = line.trim().parse();
        let address = address.unwrap_or_else(|_| panic!("{} does not start", contender.name));
        Some(Self { address, child })
    }

    /// The processor time that it has taken since its start.
    pub fn cpu(&self) -> Duration {
        cpu::taken_by(self.child.id())
    }
}

fn rust(contender: Contender, redis: Option<&str>, load: Duration) -> Command {
    let program = std::env::current_exe().expect("this program");
    let mut command = cores::on_service_core(&program);
    command.args(["serve", contender.id, "--load-ms"]);
    command.arg(load.as_millis().to_string());
    if let Some(url) = redis {
        command.args(["--redis", url]);
    }
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
