//! Figures that move, and the tables below them.

use serde_json::Value;

use crate::board::Board;

/// How many points the lines of a chart have, by its id and their class.
fn points(chart: &str, line: &str) -> String {
    format!(
        "[...document.querySelectorAll('#{chart} .line.{line}')].reduce((n, e) => n + e.getAttribute('d').match(/[ML]/g).length, 0)"
    )
}

#[test]
fn figures_move_under_load() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    page.until("the first figures", "$('state').textContent === 'healthy'");
    assert_eq!(page.text("calls"), "0");
    assert_eq!(page.text("rate"), "–");
    assert_eq!(page.text("calls-of"), "none yet");
    assert_eq!(page.value(&points("rate-chart", "rate")), 0);
    assert_eq!(page.text("load"), "–");

    // Each round loads one job and asks for it again and again.
    let (mut asked, mut jobs) = (0, 0);
    let mut load = || {
        jobs += 1;
        for _ in 0..20 {
            board.ask(&format!("jobs/{jobs}"));
            asked += 1;
        }
    };
    for (chart, line) in [
        ("rate-chart", "rate"),
        ("latency-chart", "p50"),
        ("latency-chart", "p95"),
        ("latency-chart", "p99"),
        ("latency-chart", "redis"),
        ("memory-chart", "used"),
    ] {
        let drawn = format!("{} >= 3", points(chart, line));
        page.until_while(&format!("a line: {line}"), &drawn, &mut load);
    }
    let before = page.value(&points("rate-chart", "rate"));
    let more = format!("{} > {before}", points("rate-chart", "rate"));
    page.until_while("more points", &more, &mut load);
    page.until_while(
        "areas of three outcomes",
        "['memory', 'redis', 'miss'].every(line => document.querySelector('#calls-chart .area.' + line))",
        &mut load,
    );
    page.until_while(
        "the rate now",
        "/^\\d+(\\.\\d)? a second now$/.test($('calls-of').textContent)",
        &mut load,
    );

    // Every call is counted, and each job was loaded once: nothing but what was asked.
    let exactly = format!("$('calls').textContent.replace(/,/g, '') === '{asked}'");
    page.until("every call", &exactly);
    page.until("the rate", "$('rate').textContent === '95.0 %'");
    let entries = format!("$('entries').textContent === '{jobs}'");
    page.until("an entry for each job", &entries);
    page.until(
        "quiet again",
        "$('calls-of').textContent === 'none in the last seconds'",
    );
}

/// As the page tells milliseconds.
fn told(millis: &Value) -> String {
    match millis.as_f64().expect("a time") {
        few if few < 10.0 => format!("{few:.2} ms"),
        many => format!("{many:.0} ms"),
    }
}

#[test]
fn figures_are_those_that_the_routes_tell() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    for n in 0..60 {
        board.ask(&format!("jobs/{}", n % 20));
    }
    page.until("all calls", "$('calls').textContent === '60'");
    let stores =
        "[...$('counters').children].map(e => e.textContent).join(' ').includes('Stored 20 ')";
    page.until("the stores, too", stores);
    page.click("pause");
    page.until("nothing under way", "$('when').textContent === 'paused'");
    let totals = board.told("history?range=1h")["current"]["totals"].take();
    assert_eq!(
        (&totals["calls"], &totals["misses"]),
        (&60.into(), &20.into())
    );
    assert_eq!(page.text("rate"), "66.7 %");
    assert_eq!(totals["hit_rate_percent"], 66.67);
    assert_eq!(page.text("load"), told(&totals["load_p95_ms"]));
    let of = format!(
        "50 % {}, 99 % {}",
        told(&totals["load_p50_ms"]),
        told(&totals["load_p99_ms"])
    );
    assert_eq!(page.text("load-of"), of);

    let stats = board.told("stats");
    let pairs = "[...$('tiers').children].map(e => e.textContent)";
    let tiers = page.value(pairs);
    let tier = |name: &str| {
        let tiers = tiers.as_array().unwrap();
        let at = tiers.iter().position(|text| text == name);
        tiers[at.unwrap_or_else(|| panic!("{name}")) + 1].clone()
    };
    assert_eq!(tier("Breaker"), stats["breaker"]);
    assert_eq!(
        tier("Redis, entries of this cache"),
        stats["entries"].to_string()
    );
    assert_eq!(tier("Ledger, patterns"), stats["ledger"].to_string());
    let entries = format!("{} of 10,000", stats["memory"]["entries"]);
    assert_eq!(tier("Memory, entries"), entries);
    assert_eq!(page.text("version"), stats["version"].as_str().unwrap());
    assert_eq!(page.text("namespace"), stats["namespace"].as_str().unwrap());
    assert_eq!(
        (page.text("role"), &stats["role"]),
        ("admin".to_owned(), &"admin".into())
    );
    assert!(page.text("memory-of").ends_with("64 MiB"));

    let functions = board.told("functions?range=1h")["functions"].take();
    let totals = &functions[0]["period"]["totals"];
    let cells = page.value("[...$('functions').rows[0].cells].slice(2).map(e => e.textContent)");
    let count = |name: &str| totals[name].to_string();
    let expected = [
        count("calls"),
        "66.7 %".into(),
        count("memory_hits"),
        count("redis_hits"),
        count("coalesced"),
        count("stale"),
        count("misses"),
        told(&totals["load_p50_ms"]),
        told(&totals["load_p95_ms"]),
        told(&totals["load_p99_ms"]),
        count("load_failures"),
    ];
    assert_eq!(cells, Value::from(expected.to_vec()));
    assert!(
        page.value("!!document.querySelector('#functions .spark .line')") == true,
        "its course is drawn"
    );
}

#[test]
fn the_tables_show_what_was_asked() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    page.until(
        "an empty table",
        "$('no-hottest').checkVisibility() && $('no-recent').checkVisibility()",
    );
    board.keep("posts/7");
    board.keep("posts/8");
    for _ in 0..400 {
        board.ask("posts/7");
    }
    for _ in 0..120 {
        board.ask("posts/8");
    }
    let keys = "[...document.querySelectorAll('#hottest .k')].map(e => e.textContent).join()";
    page.until("the hottest keys", &format!("{keys} === 'posts:7,posts:8'"));
    assert!(!page.shows("no-hottest"));
    page.until(
        "about as many calls",
        "((n, by) => n > 200 && n < 800 && by > 90 && by < 300)(...$('hottest').rows[0].cells[1].textContent.match(/\\d+/g).map(Number))",
    );

    let row =
        "[...$('functions').rows].find(row => row.querySelector('.k').textContent === 'post')";
    page.until("the function", &format!("!!{row}"));
    let cell = |title: &str| {
        format!(
            "{row}.cells[[...$('columns').cells].findIndex(cell => cell.textContent.startsWith('{title}'))].textContent"
        )
    };
    let (calls, misses) = (cell("Calls"), cell("Misses"));
    page.until(
        "calls and misses",
        &format!("{calls} >= 522 && {misses} >= 2 && {misses} < 50"),
    );
    let (rate, load) = (cell("Hit rate"), cell("Load 50 %"));
    let figures = format!("/^\\d+(\\.\\d)? %$/.test({rate}) && /^\\d+(\\.\\d+)? ms$/.test({load})");
    page.until("a rate and a median", &figures);
}
