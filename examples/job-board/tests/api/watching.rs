//! What `GET /metrics` says, and that dashboard, alerts and documentation speak of the same figures.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cache_runtime::metrics::{Kind, METRICS};

use crate::board::{Client, test};

#[test]
fn a_miss_a_hit_and_a_write_show() {
    test(async |anybody| {
        let user = anybody.signed_in(1).await;
        let before = Figures::of(&anybody).await;
        let list = "/api/jobs?search=lighthouse&limit=3";
        anybody.get(list).await;
        anybody.get(list).await;
        anybody.get(list).await;
        user.post("/api/jobs", crate::board::a_job()).await;
        let after = Figures::of(&anybody).await;
        let grown = |series: &str| after.value(series) - before.value(series);

        let calls = |outcome: &str| {
            let labels = [("function", LIST), ("outcome", outcome)];
            series("cache_requests_total", &labels)
        };
        assert_eq!(grown(&calls("miss")), 1.0);
        assert_eq!(grown(&calls("memory_hit")), 2.0);
        let loads = series("cache_load_duration_seconds_count", &[("function", LIST)]);
        assert_eq!(grown(&loads), 1.0);
        let of = [("cache", "default")];
        assert_eq!(grown(&series("cache_invalidations_total", &of)), 1.0);
        assert_eq!(grown(&series("cache_removed_entries_total", &of)), 1.0);
        assert_eq!(after.value(&series("cache_memory_entries", &of)), 0.0);

        let requests = |method: &str, status: &str| {
            let labels = [
                ("method", method),
                ("path", "/api/jobs"),
                ("cache_status", status),
            ];
            series("request_duration_seconds_count", &labels)
        };
        assert_eq!(grown(&requests("GET", "miss")), 1.0);
        assert_eq!(grown(&requests("GET", "hit")), 2.0);
        assert_eq!(grown(&requests("POST", "none")), 1.0);
    });
}

/// Whatever is asked, the labels come from the program.
#[test]
fn no_label_holds_what_a_client_sent() {
    test(async |anybody| {
        for path in [
            "/api/jobs?search=hunter2",
            "/api/users/list?search=hunter2",
            "/api/jobs/987654321",
            "/hunter2",
            "/api/hunter2/hunter2",
        ] {
            anybody.get(path).await;
        }
        let figures = Figures::of(&anybody).await;
        assert!(!figures.text.contains("hunter2") && !figures.text.contains("987654321"));
        assert!(figures.text.contains(r#"path="/api/jobs/{id}""#));
        assert!(figures.text.contains(r#"path="unmatched""#));
    });
}

#[test]
fn what_is_told_is_what_is_documented() {
    test(async |anybody| {
        anybody.warm("/api/feed").await;
        let told = Figures::of(&anybody).await.names();
        // This board has no Redis; with one, the tests of the promises compare the rest.
        let documented: BTreeSet<String> = METRICS
            .iter()
            .filter(|metric| !metric.redis)
            .map(|metric| metric.name.to_owned())
            .chain(["request_duration_seconds".to_owned()])
            .collect();
        assert_eq!(told, documented);
    });
}

#[test]
fn dashboard_and_alerts_use_figures_that_exist() {
    let mut exist = BTreeSet::from(REQUEST_SERIES.map(str::to_owned));
    for metric in METRICS {
        match metric.kind {
            Kind::Histogram => {
                exist.extend(
                    ["_bucket", "_count", "_sum"].map(|end| format!("{}{end}", metric.name)),
                );
            }
            _ => drop(exist.insert(metric.name.to_owned())),
        }
    }
    for file in [
        "ops/grafana/cache.json",
        "ops/prometheus/cache.rules.yml",
        "ops/prometheus/cache.rules.test.yml",
    ] {
        let used = used_in(file);
        assert!(used.len() > 5, "{file}: {used:?}");
        let unknown: Vec<_> = used.difference(&exist).collect();
        assert!(unknown.is_empty(), "{file} uses {unknown:?}");
    }
    let shown = used_in("ops/grafana/cache.json");
    for metric in METRICS {
        let is_shown = shown.iter().any(|used| used.starts_with(metric.name));
        assert!(is_shown, "{} is on no panel", metric.name);
    }
}

#[test]
fn every_alert_is_tested() {
    let rules = read("ops/prometheus/cache.rules.yml");
    let tests = read("ops/prometheus/cache.rules.test.yml");
    let alerts: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() >= 7, "{alerts:?}");
    for alert in alerts {
        let fires = format!("alertname: {alert}\n        exp_alerts:\n");
        assert!(tests.contains(&fires), "no test lets {alert} fire");
        let rests = format!("alertname: {alert}, exp_alerts: []");
        assert!(tests.contains(&rests), "no test lets {alert} rest");
    }
}

/// The dashboard is JSON, its panels have queries, and each is where no other is.
#[test]
fn the_dashboard_can_be_loaded() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("ops/grafana/cache.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "an id twice: {panel}");
        let is_row = panel["type"] == "row";
        let queries = panel["targets"].as_array().map_or(0, Vec::len);
        assert!(is_row || queries > 0, "{panel}");
    }
}

const LIST: &str = "job_board::jobs::routes::list";

const REQUEST_SERIES: [&str; 3] = [
    "request_duration_seconds_bucket",
    "request_duration_seconds_count",
    "request_duration_seconds_sum",
];

/// Whatever in a file of the repository reads like one of our metrics.
fn used_in(file: &str) -> BTreeSet<String> {
    let is_label = |word: &str| ["cache_status", "cache_runtime"].contains(&word);
    read(file)
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("cache_") || word.starts_with("request_duration"))
        .filter(|word| !is_label(word))
        .map(str::to_owned)
        .collect()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn series(name: &str, labels: &[(&str, &str)]) -> String {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!(r#"{name}="{value}""#))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// What Prometheus would fetch.
struct Figures {
    text: String,
}

impl Figures {
    async fn of(client: &Client) -> Self {
        let answer = client.get("/metrics").await;
        assert!(answer.header("content-type").starts_with("text/plain"));
        let text = answer.body.as_str().expect("a text").to_owned();
        Self { text }
    }

    /// 0 where there is none yet.
    fn value(&self, series: &str) -> f64 {
        self.text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
            .unwrap_or(0.0)
    }

    fn names(&self) -> BTreeSet<String> {
        let names = self.text.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
            Some(name.to_owned())
        });
        names.collect()
    }
}
