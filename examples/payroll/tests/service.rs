//! The program itself, as it is started: what its settings do, and what becomes of requests while its Redis dies.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cache_tests::{ChildProcess, RedisServer, wait_until};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// No request may wait for a Redis that is not there. Its budget is 50 ms; the rest is for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

const ADMIN: &str = "one who may look and remove";
const SUPER_ADMIN: &str = "one who may clear as well";

/// An office with a database of its own; ends with the test.
struct Office {
    process: ChildProcess,
    address: String,
    database: PathBuf,
    cookie: String,
}

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Office {
    fn start(test: &str, settings: &[(&str, &str)]) -> Self {
        let file = format!("payroll-{test}-{}.db", std::process::id());
        let database = env::temp_dir().join(file);
        let mut program = ChildProcess::builder(env!("CARGO_BIN_EXE_payroll"))
            .env("PORT", "0")
            .env("DATABASE_URL", format!("sqlite://{}", database.display()))
            .env("SHOW_KEYS", "on")
            .env("CACHE_ADMIN_TOKEN", ADMIN)
            .env("CACHE_SUPER_ADMIN_TOKEN", SUPER_ADMIN);
        for (name, value) in settings {
            program = program.env(*name, *value);
        }
        let process = program.spawn();
        let greeting = process.line(PATIENCE);
        let (_, address) = greeting.rsplit_once("//").expect("an address");
        let mut office = Self {
            address: address.to_owned(),
            process,
            database,
            cookie: String::new(),
        };
        let signed_in = office.send("POST", "/api/session", r#"{"user_id":1}"#);
        let cookie = signed_in.header("set-cookie: ");
        office.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        office
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let (cookie, length) = (&self.cookie, body.len());
        // A token on other paths would be a reason not to cache their answers.
        let token = match path {
            "/api/cache/clear" => format!("Authorization: Bearer {SUPER_ADMIN}\r\n"),
            _ if path.contains("/cache/") => format!("Authorization: Bearer {ADMIN}\r\n"),
            _ => String::new(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: office\r\nConnection: close\r\nCookie: {cookie}\r\n{token}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Answer {
            status: status.expect("a status"),
            head: head.to_owned(),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }

    fn health(&self) -> Value {
        self.get("/admin/cache/health").body
    }

    fn stats(&self) -> Value {
        self.get("/admin/cache/stats").body
    }

    /// What the office's own routes answer with: 200 and the data of their envelope.
    fn data(&self, method: &str, path: &str) -> Value {
        let mut answer = self.send(method, path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        assert_eq!(answer.body["success"], true, "{path}: {}", answer.body);
        answer.body["data"].take()
    }

    /// Waits until health says so.
    fn until_it_is(&self, status: &str, backend: &str) {
        wait_until(PATIENCE, "the health that is expected", || {
            let health = self.health();
            (health["status"] == status && health["backend"] == backend).then_some(())
        });
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.process.kill9();
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.database.display()));
        }
    }
}

impl Answer {
    /// What stands behind a header's name; empty if it is not there.
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
    }

    fn x_cache(&self) -> &str {
        self.header("x-cache: ")
    }

    /// Whether the call with this key was a hit.
    fn is_hit(&self, key: &str) -> bool {
        let told = self.header("cache-status: ");
        let key = format!("key=\"{key}\"");
        let call = told.split(", ").find(|call| call.contains(&key));
        call.expect("a call with this key").contains("; hit")
    }
}

#[test]
fn size_and_lifetime_are_what_the_environment_says() {
    let settings = [
        ("CACHE_MAX_SIZE_MEMORY", "5"),
        ("CACHE_DEFAULT_TTL", "7"),
        ("CACHE_TTL_LIST", "11s"),
    ];
    let office = Office::start("settings", &settings);
    let salaries = office.get("/api/salaries/R001");
    let told = salaries.header("cache-status: ");
    assert!(
        told.contains("ttl=7; stored; key=\"salary:R001:12\""),
        "{told}"
    );
    let page = office.get("/api/employees?page=1");
    let told = page.header("cache-status: ");
    assert!(told.contains("ttl=11; stored"), "{told}");

    for page in 1..=30 {
        office.get(&format!("/api/employees?page={page}"));
    }
    let stats = office.stats();
    assert_eq!(stats["memory"]["max_entries"], 5);
    let entries = stats["entries"].as_u64().expect("a count");
    assert!((1..=5).contains(&entries), "{stats}");
}

#[test]
fn what_people_open_first_is_warm_if_asked_for() {
    let office = Office::start("warm", &[("WARM", "on")]);
    // Three dashboards and three pages; beside them this test's own permissions, perhaps.
    wait_until(PATIENCE, "six entries", || {
        (office.stats()["entries"].as_u64() >= Some(6)).then_some(())
    });
    for (path, key) in [
        ("/api/dashboard", "dashboard:summary:1"),
        ("/api/employees", "employee:list:p1:pp20"),
        ("/api/employees?page=3", "employee:list:p3:pp20"),
    ] {
        assert!(office.get(path).is_hit(key), "{path}");
    }
    assert!(
        !office
            .get("/api/employees?page=4")
            .is_hit("employee:list:p4:pp20")
    );
}

#[test]
fn nobody_waits_for_a_dashboard_that_has_expired() {
    let office = Office::start("stale", &[("CACHE_TTL_DASHBOARD", "1s")]);
    let first = office.get("/api/dashboard");
    assert_eq!(first.x_cache(), "MISS");
    wait_until(PATIENCE, "an expired dashboard", || {
        let answer = office.get("/api/dashboard");
        assert_eq!(answer.body, first.body);
        let (said, sql) = (answer.x_cache(), answer.header("x-sql: "));
        assert!(
            ["HIT", "STALE"].contains(&said) && sql == "0",
            "{}",
            answer.head
        );
        (said == "STALE").then_some(())
    });
    wait_until(PATIENCE, "a new one, made meanwhile", || {
        (office.get("/api/dashboard").x_cache() == "HIT").then_some(())
    });
}

/// A journey: the names that `redis-cli` shows, a death, the time without, the return, the end.
#[test]
fn redis_dies_and_comes_back_and_nobody_notices() {
    let redis = RedisServer::start();
    let url = redis.url();
    let mut office = Office::start("redis", &[("REDIS_URL", &url)]);
    office.until_it_is("healthy", "redis");
    let paths = [
        ("/api/employees", "employee:list:p1:pp20"),
        ("/api/employees/R001", "employee:rirekisho:R001"),
        ("/api/users/1/roles", "user:1:roles"),
        ("/api/dashboard", "dashboard:summary:1"),
        ("/api/payroll/gunma/2025-12", "payroll:gunma:2025-12"),
    ];
    for (path, key) in paths {
        assert_eq!(office.get(path).x_cache(), "MISS", "{path}");
        wait_until(PATIENCE, key, || {
            (redis.cli(&["EXISTS", key]).int() == 1 && office.get(path).is_hit(key)).then_some(())
        });
    }
    let payroll = office.get("/api/payroll/gunma/2025-12");
    let plain = payroll.body.to_string().len();
    let kept = redis.cli(&["STRLEN", "payroll:gunma:2025-12"]).int();
    let kept = usize::try_from(kept).expect("a length");
    assert!(kept > 0 && kept * 3 < plain, "{kept} of {plain} bytes");
    // A read that shares a load whose store is not settled is a hit, too; the next one fills memory.
    wait_until(PATIENCE, "six entries: five, and the permissions", || {
        for (path, _) in paths {
            office.get(path);
        }
        (office.stats()["entries"] == 6).then_some(())
    });
    let stats = office.stats();
    assert!(
        stats["redis_memory_bytes"].as_u64() > Some(100_000),
        "{stats}"
    );
    assert!(stats["redis_keys"].as_u64() >= Some(6), "{stats}");

    // What everybody is checked against is asked of Redis each time, whatever memory holds.
    let functions = office.get("/admin/cache/functions").body;
    let mut functions = functions["functions"].as_array().expect("a list").iter();
    let access = functions.find(|function| function["name"] == "payroll::users::routes::access");
    let counters = &access.expect("it was called")["counters"];
    assert_eq!(counters["memory_hits"], 0, "{counters}");
    assert!(counters["redis_hits"].as_u64() >= Some(5), "{counters}");

    redis.kill9();
    let outage = Instant::now();
    while outage.elapsed() < Duration::from_secs(1) {
        for (path, _) in paths {
            let asked = Instant::now();
            let answer = office.get(path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.head);
            assert!(asked.elapsed() < AT_ONCE, "{path}: {:?}", asked.elapsed());
        }
    }
    office.until_it_is("degraded", "memory");
    assert_eq!(office.health()["stats"]["redis_available"], false);
    assert_eq!(office.stats()["redis_keys"], Value::Null);
    // Now it is read anew each time: nobody could tell memory that it has been taken away.
    for _ in 0..2 {
        assert!(!office.get("/api/employees").is_hit("user:1:permissions"));
    }
    // A write meanwhile: bound here at once, and owed to Redis.
    let terms = r#"{"position":"Toolmaker","base_pay":300000}"#;
    assert_eq!(office.send("PUT", "/api/employees/R001", terms).status, 200);
    let seen = office.get("/api/employees/R001");
    assert_eq!(seen.body["base_pay"], 300_000);
    assert!(office.stats()["journal"].as_u64() > Some(0));

    redis.restart();
    office.until_it_is("healthy", "redis");
    assert_eq!(office.stats()["journal"], 0);
    let (path, key) = paths[1];
    wait_until(PATIENCE, "the résumé in Redis again", || {
        let answer = office.get(path);
        assert_eq!(answer.body["base_pay"], 300_000);
        (answer.is_hit(key) && redis.cli(&["EXISTS", key]).int() == 1).then_some(())
    });

    office.process.terminate();
    let ended = office.process.wait(PATIENCE);
    assert!(ended.success(), "{ended}");
}

/// Figures of a real Redis while it is there, none while it is away, and removals that are told as what they are.
#[test]
fn the_administration_tells_the_truth_with_redis_and_without() {
    let redis = RedisServer::start();
    let url = redis.url();
    let office = Office::start("administration", &[("REDIS_URL", &url)]);
    office.until_it_is("healthy", "redis");
    for page in 1..=3 {
        office.get(&format!("/api/employees?page={page}"));
    }
    wait_until(PATIENCE, "three pages and the permissions", || {
        (office.data("GET", "/api/cache/stats")["total_entries"] == 4).then_some(())
    });
    let stats = office.data("GET", "/api/cache/stats");
    assert_eq!(stats["status"], "available");
    let (hits, misses) = (stats["cache_hits"].as_u64(), stats["cache_misses"].as_u64());
    assert_eq!((hits, misses), (Some(2), Some(4)), "{stats}");
    assert_eq!(stats["hit_rate_percent"], 33.33);
    let keys = redis.cli(&["DBSIZE"]).int();
    assert_eq!(stats["redis_keys_total"].as_i64(), Some(keys));
    let memory = stats["redis_memory"].as_str().expect("a text");
    let figure = memory.strip_suffix(['K', 'M', 'G']).expect("a unit");
    assert!(
        figure
            .split_once('.')
            .is_some_and(|(_, tenths)| tenths.len() == 1),
        "{memory}"
    );
    let health = office.data("GET", "/api/cache/health");
    assert_eq!(
        (&health["status"], &health["backend"]),
        (&"healthy".into(), &"redis".into())
    );
    assert_eq!(health["message"], "Cache system operational");
    assert!(health["response_time_ms"].as_f64() > Some(0.0), "{health}");
    let done = office.data("POST", "/api/cache/invalidate?pattern=employee:*");
    assert_eq!(done["deleted_count"], 3);
    assert_eq!(
        (&done["message"], &done["pattern"]),
        (&"Cache invalidation completed".into(), &"employee:*".into())
    );
    assert_eq!(
        office.data("DELETE", "/api/cache/clear")["message"],
        "Cache cleared successfully"
    );
    assert_eq!(office.data("GET", "/api/cache/stats")["total_entries"], 0);

    redis.kill9();
    wait_until(PATIENCE, "the outage", || {
        (office.data("GET", "/api/cache/health")["status"] == "degraded").then_some(())
    });
    let health = office.data("GET", "/api/cache/health");
    assert_eq!(health["backend"], "memory");
    assert!(
        health["message"]
            .as_str()
            .is_some_and(|message| message.starts_with("Redis is away"))
    );
    assert!(health["response_time_ms"].is_f64(), "{health}");
    let stats = office.data("GET", "/api/cache/stats");
    assert_eq!(stats["status"], "degraded");
    assert_eq!(
        (&stats["redis_memory"], &stats["redis_keys_total"]),
        (&Value::Null, &Value::Null)
    );
    for (method, path) in [
        ("POST", "/api/cache/invalidate?pattern=user:*"),
        ("DELETE", "/api/cache/clear"),
    ] {
        let done = office.data(method, path);
        let message = done["message"].as_str().expect("a text");
        assert!(
            message.contains("here") && message.contains("when it is back"),
            "{message}"
        );
    }
}
