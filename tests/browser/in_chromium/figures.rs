//! Figures that move, and the tables below them.

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
    assert_eq!(page.text("rate-now"), "no calls in the last seconds");
    assert_eq!(page.value(&points("rate-chart", "rate")), 0);
    assert_eq!(page.text("loads-now"), "–");

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
        ("latency-chart", "loads"),
        ("latency-chart", "redis"),
    ] {
        let drawn = format!("{} >= 2", points(chart, line));
        page.until_while(&format!("a line: {line}"), &drawn, &mut load);
    }
    let before = page.value(&points("rate-chart", "rate"));
    let more = format!("{} > {before}", points("rate-chart", "rate"));
    page.until_while("more points", &more, &mut load);
    page.until_while(
        "the mean of loads",
        "/^\\d+(\\.\\d+)? ms$/.test($('loads-now').textContent)",
        &mut load,
    );
    page.until_while(
        "the rate now",
        "/^9\\d(\\.\\d)? % in the last seconds$/.test($('rate-now').textContent)",
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
        "$('rate-now').textContent === 'no calls in the last seconds' && $('loads-now').textContent === '–'",
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
    let keys = "[...document.querySelectorAll('#hottest code')].map(e => e.textContent).join()";
    page.until("the hottest keys", &format!("{keys} === 'posts:7,posts:8'"));
    assert!(!page.shows("no-hottest"));
    page.until(
        "about as many calls",
        "((n, by) => n > 200 && n < 800 && by > 90 && by < 300)(...$('hottest').rows[0].cells[1].textContent.match(/\\d+/g).map(Number))",
    );

    let row =
        "[...$('functions').rows].find(row => row.querySelector('code').textContent === 'post')";
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
    let (rate, load) = (cell("Hit rate"), cell("Mean load"));
    let figures = format!("/^\\d+(\\.\\d)? %$/.test({rate}) && /^\\d+(\\.\\d+)? ms$/.test({load})");
    page.until("a rate and a mean", &figures);
    let told = board.told("functions")["functions"].take();
    let told = told.as_array().unwrap().iter();
    let told = told
        .clone()
        .find(|row| row["name"] == "browser::board::post");
    let mean = told.unwrap()["mean_load_ms"].as_f64().unwrap();
    // From 10 ms on it is shown without decimals.
    let shown = format!("Math.abs(parseFloat({load}) - {mean}) <= 0.51");
    page.until("the mean that the service tells", &shown);
}
