//! The program itself, as it is started: what is served past its lifetime, and what is warm from the start.
//!
//! Over a socket and a file, with short lifetimes from the environment: a test inside one process could neither set
//! those nor break the database that the others use.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use cache_tests::{Fault, FaultProxy, RedisServer};
use job_board::db::Db;

/// A job board with a database of its own; ends with the test.
struct Service {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
    folder: PathBuf,
}

/// What came back.
struct Answer {
    /// In lower case.
    head: String,
    /// What it wants to have sent back.
    cookie: String,
    body: String,
}

impl Service {
    fn start(test: &str, settings: &[(&str, &str)]) -> Self {
        let folder = env::temp_dir().join(format!("job-board-{test}-{}", process::id()));
        // Of an earlier process of the same number, which was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        Self::start_in(folder, settings)
    }

    /// Another process over the database of this one.
    fn beside(&self, settings: &[(&str, &str)]) -> Self {
        Self::start_in(self.folder.clone(), settings)
    }

    fn start_in(folder: PathBuf, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_job-board"))
            .env_clear()
            .env("PORT", "0")
            .env("DATABASE_URL", url(&folder))
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("a greeting");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let Some((_, address)) = line.trim().rsplit_once("//") else {
            let mut said = String::new();
            let _ = log.read_to_string(&mut said);
            panic!("no address in `{line}`; the program said: {said}");
        };
        Self {
            address: address.to_owned(),
            child,
            log,
            folder,
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "")
    }

    fn send(&self, method: &str, path: &str, cookie: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: board\r\nConnection: close\r\nCookie: {cookie}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let mut cookies = head
            .lines()
            .filter_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookies.next().and_then(|cookie| cookie.split(';').next());
        Answer {
            head: head.to_lowercase(),
            cookie: cookie.unwrap_or_default().to_owned(),
            body: body.to_owned(),
        }
    }

    /// The first call begins to connect, and may go on without.
    fn wait_until_connected(&self) {
        wait_for("the connection to Redis", || {
            let health = self.get("/health/cache").body;
            health.contains(r#""redis_available":true"#)
        });
    }

    /// `kill -9`. Another process goes on with its database.
    fn kill9(mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("its end");
        self.folder = PathBuf::new();
    }

    /// Renames a table, so that who asks for it is refused.
    fn rename(&self, from: &str, to: &str) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let db = Db::open(&url(&self.folder)).await.expect("its database");
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
                "ALTER TABLE {from} RENAME TO {to}"
            )))
            .execute(db.counted())
            .await
            .expect("a table");
            db.close().await;
        });
    }

    /// The log up to the line that holds this.
    fn log_until(&mut self, text: &str) -> Vec<String> {
        let mut log = Vec::new();
        for line in (&mut self.log).lines().map_while(Result::ok) {
            log.push(line);
            if log.last().is_some_and(|line| line.contains(text)) {
                return log;
            }
        }
        panic!("no `{text}` in {log:#?}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn x_cache(&self) -> &str {
        let mut lines = self.head.lines();
        lines
            .find_map(|line| line.strip_prefix("x-cache: "))
            .unwrap_or_default()
    }
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come");
        sleep(Duration::from_millis(20));
    }
}

fn url(folder: &std::path::Path) -> String {
    format!("sqlite://{}", folder.join("board.db").display())
}

#[test]
fn nobody_waits_for_the_front_page_once_it_has_been_loaded() {
    let board = Service::start("stale", &[("CACHE_TTL_FEED", "1s")]);
    let first = board.get("/api/feed");
    assert_eq!((first.status(), first.x_cache()), ("200", "miss"));
    sleep(Duration::from_millis(1_100));
    let stale = board.get("/api/feed");
    assert_eq!(
        (stale.x_cache(), &stale.body),
        ("stale", &first.body),
        "{}",
        stale.head
    );
    assert!(stale.head.contains("x-sql: 0"), "{}", stale.head);
    // Behind that answer's back it was loaded anew.
    let deadline = Instant::now() + Duration::from_secs(5);
    while board.get("/api/feed").x_cache() != "hit" {
        assert!(Instant::now() < deadline, "nobody refreshed it");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn figures_and_the_front_page_outlive_a_broken_database() {
    let settings = [("CACHE_TTL_FEED", "1s"), ("CACHE_TTL_JOBS_STATS", "1s")];
    let board = Service::start("broken", &settings);
    let feed = board.get("/api/feed");
    let overview = board.get("/api/jobs/stats/overview");
    board.rename("posts", "posts_gone");
    board.rename("jobs", "jobs_gone");
    sleep(Duration::from_millis(1_100));
    for _ in 0..3 {
        for (path, before) in [
            ("/api/feed", &feed),
            ("/api/jobs/stats/overview", &overview),
        ] {
            let now = board.get(path);
            assert_eq!(
                (now.status(), now.x_cache(), &now.body),
                ("200", "stale", &before.body),
                "{path}"
            );
        }
    }
    // Nothing may stand in for this one: it was never loaded.
    assert_eq!(board.get("/api/jobs").status(), "500");
}

#[test]
fn the_first_pages_are_warm_if_asked_for() {
    let mut board = Service::start("warm", &[("WARM", "on")]);
    let log = board.log_until("warming 10/10");
    assert!(
        log.iter().any(|line| line.contains("jobs:list:80:20")),
        "{log:#?}"
    );
    for path in [
        "/api/jobs",
        "/api/jobs?skip=80",
        "/api/jobs/stats/overview",
        "/api/posts?skip=40",
        "/api/feed",
    ] {
        assert_eq!(board.get(path).x_cache(), "hit", "{path}");
    }
    assert_eq!(board.get("/api/jobs?skip=100").x_cache(), "miss");
}

#[test]
fn it_listens_where_it_is_told_to() {
    let service = Service::start("bind", &[("BIND_ADDRESS", "0.0.0.0")]);
    let answer = service.get("/api/jobs?search=rust&limit=2");
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    assert!(
        service.address.starts_with("127.0.0.1:"),
        "where the greeting sends people"
    );
}

/// The removal of the one that is killed never gets to Redis: a proxy swallows it. So only the outbox can tell the other.
#[test]
fn a_new_job_is_listed_although_its_process_was_killed_between_commit_and_removal() {
    let redis = RedisServer::start();
    let proxy = FaultProxy::in_front_of(&redis);
    let survivor = Service::start("outbox", &[("REDIS_URL", &redis.url())]);
    let victim = survivor.beside(&[("REDIS_URL", &proxy.url())]);
    survivor.wait_until_connected();
    victim.wait_until_connected();

    let signed_in = victim.send("POST", "/api/session", "", r#"{"user_id":1}"#);
    let path = "/api/jobs?search=lighthouse";
    let before = survivor.get(path);
    assert!(before.body.contains(r#""total":0"#), "{}", before.body);
    assert_eq!(survivor.get(path).x_cache(), "hit");

    proxy.set(Fault::BlackHole);
    let job = r#"{"company":"Skagen Fyr","title":"Lighthouse keeper","description":"Keep the lamp burning.",
        "location":"Skagen","category":"operations","type":"contract","salary_min":40000,"salary_max":50000}"#;
    let created = victim.send("POST", "/api/jobs", &signed_in.cookie, job);
    assert_eq!(created.status(), "201", "{}", created.body);
    victim.kill9();

    // The list would be kept for two minutes.
    wait_for("the new job", || {
        survivor.get(path).body.contains(r#""total":1"#)
    });
}
