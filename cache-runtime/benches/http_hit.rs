//! What does a hit in memory cost behind axum, next to a handler that sends prepared bytes?
//!
//! 8 KB of JSON, through an HTTP/1 server on an in-memory pipe, and through the router alone. All variants are measured in
//! turn, many times; the medians are compared. Ratios are of requests a second: 1.00 is as fast as prepared bytes.
//!
//! ```console
//! $ cargo bench -p cache-runtime --features compression --bench http_hit
//! ```
//!
//! The last table has the instructions of a request to the router alone, counted by callgrind (needs `valgrind`).
//!
//! With `-- --serve 3000` it serves the variants on that port instead, at `/0`, `/1` and so on, for a program such as `wrk`:
//! over sockets, the system's own work is part of each request.

#[path = "support/callgrind.rs"]
mod callgrind;

use std::future::Future;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use cache_runtime::cached;
use cache_runtime::http::{CacheLayer, CachedJson};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tower::ServiceExt as _;
use tower::util::MapResponseLayer;
use tower_http::compression::CompressionLayer;

#[derive(Clone, Serialize, Deserialize)]
struct Job {
    id: u32,
    title: String,
    company: String,
    tags: Vec<String>,
    salary: (u32, u32),
}

/// About 8 KB of JSON.
fn jobs() -> Vec<Job> {
    let job = |id: u32| Job {
        id,
        title: format!("engineer for system number {}", id * 7919 % 1000),
        company: format!("company {}", id * 104_729 % 10_000),
        tags: ["rust", "remote", "senior"].map(str::to_owned).to_vec(),
        salary: (60_000 + id * 137, 80_000 + id * 211),
    };
    (0..60).map(job).collect()
}

fn json() -> Bytes {
    let json = serde_json::to_vec(&jobs()).unwrap_or_else(|error| panic!("{error}"));
    assert!((7_500..9_000).contains(&json.len()), "{}", json.len());
    json.into()
}

fn response(bytes: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], bytes).into_response()
}

#[cached(ttl = "1h", key = "bench:response", public)]
async fn cached_response() -> Response {
    response(json())
}

#[cached(ttl = "1h", key = "bench:json", public)]
async fn axum_json() -> Json<Vec<Job>> {
    Json(jobs())
}

#[cached(ttl = "1h", key = "bench:cached-json", public)]
async fn cached_json() -> CachedJson<Vec<Job>> {
    CachedJson::new(jobs())
}

/// Every variant has a router of its own, so that a layer is where it says.
struct Variant {
    name: &'static str,
    app: Router,
    headers: HeaderMap,
    status: StatusCode,
    /// The variant that it is compared with.
    base: usize,
}

fn variants() -> Vec<Variant> {
    let prepared = json();
    let fixed = || {
        let prepared = prepared.clone();
        Router::new().route(
            "/",
            get(move || std::future::ready(response(prepared.clone()))),
        )
    };
    let responses = || Router::new().route("/", get(cached_response));
    let jsons = || Router::new().route("/", get(cached_json));
    let plain = HeaderMap::new;
    let gzip = || HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
    let any = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
    let layer = CacheLayer::new;
    let axum_jsons = Router::new().route("/", get(axum_json));
    let ok = |name, app, headers, base| Variant {
        name,
        app,
        headers,
        status: StatusCode::OK,
        base,
    };
    vec![
        ok("prepared bytes", fixed(), plain(), 0),
        ok(
            "prepared bytes, CacheLayer",
            fixed().layer(layer()),
            plain(),
            0,
        ),
        ok(
            "prepared bytes, the same headers by a layer",
            fixed().layer(MapResponseLayer::new(with_the_same_headers)),
            plain(),
            0,
        ),
        ok("cached Response", responses(), plain(), 0),
        ok(
            "cached Response, CacheLayer",
            responses().layer(layer()),
            plain(),
            0,
        ),
        ok("cached Json<T>", axum_jsons.clone(), plain(), 0),
        ok(
            "cached Json<T>, CacheLayer",
            axum_jsons.layer(layer()),
            plain(),
            0,
        ),
        ok("CachedJson<T>", jsons(), plain(), 0),
        ok(
            "CachedJson<T>, CacheLayer",
            jsons().layer(layer()),
            plain(),
            0,
        ),
        Variant {
            status: StatusCode::NOT_MODIFIED,
            ..ok(
                "CachedJson<T>, CacheLayer, 304",
                jsons().layer(layer()),
                any,
                0,
            )
        },
        ok(
            "CachedJson<T>, CacheLayer, gzip",
            jsons().layer(layer()),
            gzip(),
            0,
        ),
        ok(
            "CachedJson<T>, CompressionLayer",
            jsons().layer(CompressionLayer::new()),
            gzip(),
            10,
        ),
    ]
}

/// Adds the headers that `CacheLayer` adds, as constants: the least that a layer with such an answer does.
fn with_the_same_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-cache", "HIT"),
        ("cache-status", "cache; hit; ttl=3599"),
        ("age", "0"),
        ("cache-control", "private, no-cache"),
        ("etag", "W/\"0123456789abcdef0123456789abcdef\""),
        ("vary", "accept-encoding"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Variant {
    fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        request.headers_mut().clone_from(&self.headers);
        request
    }

    /// The status and length of an answer of the router.
    async fn ask(&self) -> (StatusCode, HeaderMap, usize) {
        let answer = self.app.clone().oneshot(self.request()).await;
        let (parts, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
        let body = body
            .collect()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        (parts.status, parts.headers, body.to_bytes().len())
    }

    /// Checks that it measures what it says.
    async fn check(&self) {
        for _ in 0..2 {
            let (status, headers, length) = self.ask().await;
            assert_eq!(status, self.status, "{}", self.name);
            let is_gzip = headers.contains_key(CONTENT_ENCODING);
            assert_eq!(
                is_gzip,
                self.headers.contains_key(ACCEPT_ENCODING),
                "{}",
                self.name
            );
            let expected = match (status, is_gzip) {
                (StatusCode::NOT_MODIFIED, _) => 0..1,
                (_, true) => 100..4_000,
                (_, false) => 7_500..9_000,
            };
            assert!(expected.contains(&length), "{}: {length}", self.name);
            let has_etag = self.name.contains("CacheLayer") && !self.name.starts_with("prepared")
                || self.name.contains("the same headers");
            assert_eq!(headers.contains_key(ETAG), has_etag, "{}", self.name);
        }
    }
}

/// Gives the server the other ends of pipes.
struct Pipes(mpsc::UnboundedReceiver<DuplexStream>);

impl axum::serve::Listener for Pipes {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(pipe) => (pipe, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A client on one connection to a server of its own.
struct Client {
    pipe: DuplexStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    fn of(variant: &Variant) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(axum::serve(Pipes(receiver), variant.app.clone()).into_future());
        let (pipe, other) = tokio::io::duplex(64 << 10);
        sender
            .send(other)
            .unwrap_or_else(|_| panic!("the server has ended"));
        let mut request = b"GET / HTTP/1.1\r\nhost: bench\r\n".to_vec();
        for (name, value) in &variant.headers {
            request.extend_from_slice(format!("{name}: ").as_bytes());
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        Self {
            pipe,
            request,
            buffer: Vec::with_capacity(64 << 10),
        }
    }

    /// Sends one request, and reads its answer to the end. Returns its length.
    async fn ask(&mut self) -> usize {
        let failed = |error| panic!("{error}");
        self.pipe
            .write_all(&self.request)
            .await
            .unwrap_or_else(failed);
        self.buffer.clear();
        loop {
            let read = self
                .pipe
                .read_buf(&mut self.buffer)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
            assert!(read > 0, "the server has closed the connection");
            if is_whole(&self.buffer) {
                return self.buffer.len();
            }
        }
    }
}

/// Whether this is a whole answer.
fn is_whole(answer: &[u8]) -> bool {
    let find = |text: &[u8]| answer.windows(text.len()).position(|part| part == text);
    let Some(head) = find(b"\r\n\r\n") else {
        return false;
    };
    if let Some(at) = find(b"content-length: ").filter(|at| *at < head) {
        let digits = answer[at + 16..head]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        return answer.len() == head + 4 + length;
    }
    // A 304, or chunks.
    find(b"transfer-encoding").is_none_or(|at| at > head) || answer.ends_with(b"\r\n0\r\n\r\n")
}

const ROUNDS: usize = 41;
const REQUESTS: u32 = 400;

async fn timed<F: Future>(mut ask: impl FnMut() -> F) -> f64 {
    let began = Instant::now();
    for _ in 0..REQUESTS {
        black_box(ask().await);
    }
    began.elapsed().as_secs_f64() / f64::from(REQUESTS)
}

fn print(title: &str, variants: &[Variant], times: &mut [Vec<f64>]) {
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    println!("\n{title}: medians of {ROUNDS} rounds of {REQUESTS} requests\n");
    println!("| answer | µs a request | of prepared bytes |\n|---|---|---|");
    for (variant, median) in variants.iter().zip(&medians) {
        let micros = median * 1e6;
        let ratio = medians[0] / median;
        print!("| {} | {micros:.2} | {ratio:.2} |", variant.name);
        if variant.base != 0 {
            let (base, times) = (variants[variant.base].name, median / medians[variant.base]);
            print!(" {times:.1} times the time of `{base}`");
        }
        println!();
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Serves every variant at its number, on one thread.
async fn serve(variants: Vec<Variant>, port: u16) {
    let mut app = Router::new();
    for (at, variant) in variants.into_iter().enumerate() {
        println!(
            "http://127.0.0.1:{port}/{at}: {} {:?}",
            variant.name, variant.headers
        );
        app = app.nest(&format!("/{at}"), variant.app);
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener.unwrap_or_else(|error| panic!("port {port}: {error}"));
    let served = axum::serve(listener, app).await;
    served.unwrap_or_else(|error| panic!("{error}"));
}

fn print_instructions(variants: &[Variant]) {
    println!("\nThe router alone: instructions of a request\n");
    println!("| answer | instructions | more than prepared bytes |\n|---|---:|---:|");
    let counted: Vec<f64> = (0..variants.len())
        .map(|at| {
            let words =
                |calls: u64| ["count".to_owned(), at.to_string(), calls.to_string()].to_vec();
            callgrind::instructions(words, 200, 1_200)
        })
        .collect();
    for (variant, count) in variants.iter().zip(&counted) {
        let more = count - counted[0];
        println!("| {} | {count:.0} | {more:.0} |", variant.name);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["count", at, calls] => callgrind::in_runtime(async {
            let calls: u64 = calls.parse().unwrap_or_else(|error| panic!("{error}"));
            let at: usize = at.parse().unwrap_or_else(|error| panic!("{error}"));
            let variant = &variants()[at];
            for _ in 0..calls {
                black_box(variant.ask().await);
            }
        }),
        _ => {
            callgrind::in_runtime(measure(&words));
            if !words.contains(&"--serve") {
                print_instructions(&variants());
            }
        }
    }
}

async fn measure(words: &[&str]) {
    let variants = variants();
    for variant in &variants {
        variant.check().await;
    }
    if let Some(at) = words.iter().position(|text| *text == "--serve") {
        let port = words.get(at + 1).and_then(|port| port.parse().ok());
        return serve(
            variants,
            port.unwrap_or_else(|| panic!("--serve needs a port")),
        )
        .await;
    }
    let mut clients: Vec<Client> = variants.iter().map(Client::of).collect();
    for client in &mut clients {
        client.ask().await;
    }
    let mut alone = vec![Vec::new(); variants.len()];
    let mut served = vec![Vec::new(); variants.len()];
    let began = Instant::now();
    for _ in 0..ROUNDS {
        for (at, variant) in variants.iter().enumerate() {
            alone[at].push(timed(|| variant.ask()).await);
            let client = &mut clients[at];
            let began = Instant::now();
            for _ in 0..REQUESTS {
                black_box(client.ask().await);
            }
            served[at].push(began.elapsed().as_secs_f64() / f64::from(REQUESTS));
        }
        assert!(
            began.elapsed() < Duration::from_secs(300),
            "this machine is too slow"
        );
    }
    print(
        "An HTTP/1 server on a pipe in memory",
        &variants,
        &mut served,
    );
    print("The router alone", &variants, &mut alone);
}
