//! What `GET /metrics` says.

use crate::desk::{Desk, a_text, test};

#[test]
fn requests_are_timed_by_method_route_and_cache_status() {
    test(async |desk| {
        let before = Figures::of(&desk).await;
        for id in [21, 21, 22, 21] {
            desk.get(&format!("/articles/{id}")).await;
        }
        desk.get("/articles?limit=0").await;
        desk.put("/articles/987654", a_text("x")).await;
        let after = Figures::of(&desk).await;

        let grown = |method: &str, path: &str, status: &str| {
            let labels = format!(r#"method="{method}",path="{path}",cache_status="{status}""#);
            let series = format!("request_duration_seconds_count{{{labels}}}");
            after.value(&series) - before.value(&series)
        };
        assert_eq!(grown("GET", "/articles/{id}", "miss"), 2.0);
        assert_eq!(grown("GET", "/articles/{id}", "hit"), 2.0);
        assert_eq!(grown("GET", "/articles", "none"), 1.0);
        assert_eq!(grown("PUT", "/articles/{id}", "none"), 1.0);
        assert!(
            after
                .text
                .contains("# TYPE request_duration_seconds histogram")
        );
        let bucket = r#"request_duration_seconds_bucket{method="GET",path="/articles/{id}",cache_status="hit",le="+Inf"}"#;
        assert!(after.value(bucket) >= 2.0);
    });
}

#[test]
fn methods_of_the_service_are_counted() {
    test(async |desk| {
        let before = Figures::of(&desk).await;
        for _ in 0..3 {
            desk.get("/tags").await;
        }
        let after = Figures::of(&desk).await;
        for (outcome, count) in [("miss", 1.0), ("memory_hit", 2.0)] {
            let labels = format!(r#"function="articles::service::tags",outcome="{outcome}""#);
            let series = format!("cache_requests_total{{{labels}}}");
            assert_eq!(
                after.value(&series) - before.value(&series),
                count,
                "{outcome}"
            );
        }
    });
}

/// Whatever is asked, the labels come from the program.
#[test]
fn no_label_holds_what_a_client_sent() {
    test(async |desk| {
        for path in [
            "/articles/by-slug/hunter2",
            "/articles/hunter2",
            "/articles/987654321",
            "/hunter2",
        ] {
            desk.get(path).await;
        }
        let text = Figures::of(&desk).await.text;
        assert!(!text.contains("hunter2") && !text.contains("987654321"));
        assert!(text.contains(r#"path="/articles/by-slug/{slug}""#));
        assert!(text.contains(r#"path="unmatched""#));
    });
}

/// What Prometheus would fetch.
struct Figures {
    text: String,
}

impl Figures {
    async fn of(desk: &Desk) -> Self {
        let answer = desk.get("/metrics").await;
        assert!(answer.header("content-type").starts_with("text/plain"));
        let text = answer.body.as_str().expect("a text").to_owned();
        Self { text }
    }

    /// 0 where there is none yet.
    fn value(&self, series: &str) -> f64 {
        let mut lines = self.text.lines();
        lines
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
            .unwrap_or(0.0)
    }
}
