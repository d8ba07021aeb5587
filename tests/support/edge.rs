//! A shared cache in front of a service: a real nginx or Varnish that keeps whatever it is not told to leave alone.
//!
//! Both are set up as careless operators do: an answer that says nothing about it is kept for ten minutes, errors too, and
//! cookies do not matter. So what keeps one user's answer from another is what the service says, and nothing else.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::Router;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::eventually::wait_until;
use crate::port::FreePort;
use crate::process::Process;

/// How long a start, or one answer, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which program it is, and whether it minds `Vary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// nginx, one entry for each set of the headers that `Vary` names.
    Nginx,
    /// nginx, one entry a path, whatever `Vary` says.
    NginxWithoutVary,
    /// Varnish, one entry for each set of the headers that `Vary` names.
    Varnish,
    /// Varnish, one entry a path, whatever `Vary` says.
    VarnishWithoutVary,
}

/// A shared cache that ends with its handle.
#[derive(Debug)]
pub struct Edge {
    kind: EdgeKind,
    port: FreePort,
    // Before the directory, so that the process is gone when its files go.
    _process: Process,
    _directory: TempDir,
}

/// What came back through the cache.
#[derive(Debug)]
pub struct EdgeAnswer {
    /// The status.
    pub status: u16,
    /// Head and body, for messages.
    pub head: String,
    /// The body.
    pub body: String,
}

impl EdgeKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Nginx,
        Self::NginxWithoutVary,
        Self::Varnish,
        Self::VarnishWithoutVary,
    ];

    /// Does it keep answers apart by the headers that `Vary` names?
    #[must_use]
    pub fn minds_vary(self) -> bool {
        matches!(self, Self::Nginx | Self::Varnish)
    }

    fn is_nginx(self) -> bool {
        matches!(self, Self::Nginx | Self::NginxWithoutVary)
    }

    fn program(self) -> Option<PathBuf> {
        let (variable, name) = if self.is_nginx() {
            ("NGINX_BIN", "nginx")
        } else {
            ("VARNISHD_BIN", "varnishd")
        };
        if let Some(given) = env::var_os(variable) {
            return Some(PathBuf::from(given)).filter(|program| program.is_file());
        }
        // Where systems keep servers is not always among a user's paths.
        let paths = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&paths)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())
    }
}

impl Edge {
    /// Serves the router on a port of its own, and starts every kind of cache that is installed in front of it. Says which
    /// are not; an nginx that is missing is a failure where `CACHE_TESTS_REQUIRE` is `1`.
    ///
    /// # Panics
    ///
    /// If one does not start; its log is in the message.
    pub async fn all_in_front_of(service: Router) -> Vec<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let origin = listener.local_addr().expect("the port's address");
        tokio::spawn(async move { axum::serve(listener, service).await });
        let mut edges = Vec::new();
        for kind in EdgeKind::ALL {
            match kind.program() {
                Some(program) => {
                    // It waits for a process, and must not keep the service from running.
                    let start = move || Self::start(kind, &program, origin);
                    let started = tokio::task::spawn_blocking(start).await;
                    edges.push(started.expect("a cache that starts"));
                }
                None => skipped(kind),
            }
        }
        edges
    }

    fn start(kind: EdgeKind, program: &Path, origin: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let port = FreePort::reserve();
        let log = directory.path().join("log");
        let mut command = Command::new(program);
        if kind.is_nginx() {
            let file = directory.path().join("nginx.conf");
            fs::write(&file, nginx(kind, directory.path(), port.number(), origin)).expect("a file");
            command.arg("-c").arg(file).arg("-p").arg(directory.path());
            command.arg("-e").arg(&log);
        } else {
            let file = directory.path().join("edge.vcl");
            fs::write(&file, varnish(kind, origin)).expect("a file");
            let work = directory.path().join("work");
            command.args(["-F", "-j", "none", "-s", "malloc,16m", "-t", "600"]);
            command.arg("-a").arg(port.address().to_string());
            command.arg("-f").arg(file).arg("-n").arg(work);
        }
        let output = File::create(directory.path().join("output")).expect("a file");
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file handle"))
            .stderr(output);
        let process = command.spawn().expect("the cache starts");
        let mut process = Process::new(process);
        let says = |file: &str| fs::read_to_string(directory.path().join(file)).unwrap_or_default();
        wait_until(PATIENCE, "a cache that listens", || {
            let ended = process.ended();
            assert!(
                ended.is_none(),
                "{kind:?} ended: {}{}",
                says("output"),
                says("log")
            );
            TcpStream::connect((Ipv4Addr::LOCALHOST, port.number())).ok()
        });
        Self {
            kind,
            port,
            _process: process,
            _directory: directory,
        }
    }

    /// Which it is.
    #[must_use]
    pub fn kind(&self) -> EdgeKind {
        self.kind
    }

    /// Asks for a path with these headers.
    ///
    /// # Panics
    ///
    /// If no answer comes.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> EdgeAnswer {
        let ask = self.ask(path, headers);
        let answer = tokio::time::timeout(PATIENCE, ask).await;
        answer
            .expect("an answer in time")
            .expect("an answer through the cache")
    }

    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> std::io::Result<EdgeAnswer> {
        let mut stream = tokio::net::TcpStream::connect(self.port.address()).await?;
        // HTTP/1.0: the body ends with the connection and comes in one piece.
        let mut request = format!("GET {path} HTTP/1.0\r\nHost: service\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(EdgeAnswer {
            status: status.unwrap_or_default(),
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }
}

impl EdgeAnswer {
    /// Did the cache answer, and not the service?
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.header("x-edge") == "HIT"
    }

    /// A header's text; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let line = lines.find(|(other, _)| other.eq_ignore_ascii_case(name));
        line.map(|(_, value)| value.trim()).unwrap_or_default()
    }
}

/// Says that a test goes without this cache.
fn skipped(kind: EdgeKind) {
    let is_required = env::var_os("CACHE_TESTS_REQUIRE").is_some_and(|value| value == "1");
    assert!(
        !(is_required && kind.is_nginx()),
        "no nginx on PATH, and NGINX_BIN names none"
    );
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    eprintln!("SKIPPED: {test}: {kind:?} is not installed");
}

/// Everything in its own directory, and one process that ends with its parent's signal.
fn nginx(kind: EdgeKind, directory: &Path, port: u16, origin: SocketAddr) -> String {
    let here = directory.display();
    let ignored = if kind.minds_vary() {
        ""
    } else {
        "proxy_ignore_headers Vary;"
    };
    format!(
        "daemon off;
        master_process off;
        pid {here}/pid;
        error_log {here}/log;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {here}/body;
            proxy_temp_path {here}/proxy;
            fastcgi_temp_path {here}/fastcgi;
            uwsgi_temp_path {here}/uwsgi;
            scgi_temp_path {here}/scgi;
            proxy_cache_path {here}/kept keys_zone=edge:1m;
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass http://{origin};
                    proxy_cache edge;
                    proxy_cache_valid any 10m;
                    {ignored}
                    add_header X-Edge $upstream_cache_status always;
                }}
            }}
        }}"
    )
}

/// As it comes, but that it looks cookies and credentials up like anything else: by itself it leaves them alone.
fn varnish(kind: EdgeKind, origin: SocketAddr) -> String {
    let ignored = if kind.minds_vary() {
        ""
    } else {
        "sub vcl_backend_response { unset beresp.http.Vary; }"
    };
    format!(
        "vcl 4.1;
        backend default {{ .host = \"{}\"; .port = \"{}\"; }}
        sub vcl_recv {{ return (hash); }}
        {ignored}
        sub vcl_deliver {{
            if (obj.hits > 0) {{ set resp.http.X-Edge = \"HIT\"; }} else {{ set resp.http.X-Edge = \"MISS\"; }}
        }}",
        origin.ip(),
        origin.port()
    )
}
