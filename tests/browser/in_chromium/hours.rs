//! The last hours: the range, how often the page looks, and the period before.

use crate::board::{Board, enter};
use crate::page::Page;

/// Notes where requests go, and how long the page waits before it looks again.
const EARS: &str = "
    window.paths = []; { const f = window.fetch; window.fetch = (path, ...rest) => { paths.push(path); return f(path, ...rest); }; }
    window.waits = []; { const f = window.setTimeout; window.setTimeout = (act, time, ...rest) => { waits.push(time); return f(act, time, ...rest); }; }";

fn choose(page: &mut Page, range: &str) {
    page.click_on(&format!(
        "document.querySelector('#range input[value=\"{range}\"]').parentElement"
    ));
}

#[test]
fn the_range_is_what_is_asked_for_and_stays_with_the_address() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    board.keep("jobs/1");
    page.until("a row", "$('functions').rows.length === 1");
    page.value(EARS);
    for (range, said) in [
        ("15m", "15 minutes"),
        ("6h", "6 hours"),
        ("24h", "24 hours"),
        ("1h", "hour"),
    ] {
        choose(&mut page, range);
        for route in ["history", "functions"] {
            let asked = format!("paths.includes('{route}?range={range}')");
            page.until("the range to be asked for", &asked);
        }
        let said = format!("$('functions-of').textContent.endsWith('figures of the last {said}')");
        page.until("it to be said", &said);
        assert_eq!(
            page.value("location.hash"),
            format!("#range={range}&every=2")
        );
    }
    choose(&mut page, "6h");
    page.value("$('every').value = '10'; $('every').dispatchEvent(new Event('change'))");
    page.until("the new interval", "waits[waits.length - 1] === 10000");
    assert_eq!(page.value("location.hash"), "#range=6h&every=10");

    // The token is asked for again, the view is as it was.
    page.call("Page.reload", serde_json::json!({}));
    page.until("the door", "window.paths === undefined && document.readyState === 'complete' && $('door').checkVisibility()");
    page.value(EARS);
    enter(&mut page);
    page.until("the same range", "paths.includes('history?range=6h')");
    page.until("the same interval", "waits.includes(10000)");
    assert_eq!(
        page.value("[document.querySelector('#range :checked').value, $('every').value].join()"),
        "6h,10"
    );
}

#[test]
fn the_period_before_is_drawn_and_compared() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    for n in 0..40 {
        board.ask(&format!("jobs/{}", n % 10));
    }
    page.until("all calls", "$('calls').textContent === '40'");
    for id in ["calls-before", "load-before"] {
        assert!(!page.shows(id), "there is no hour before: {id}");
    }
    assert_eq!(page.text("rate-of"), "75.0 % since the start");
    assert_eq!(
        page.value("document.querySelectorAll('.chart .before').length"),
        0
    );

    // An hour cannot be waited for: it is put into the answer, as the route would tell it.
    page.value("{
        const f = window.fetch, hour = 3600000;
        window.fetch = async (path, ...rest) => {
            const answer = await f(path, ...rest);
            if (!path.startsWith('history')) return answer;
            const told = await answer.json(), { current } = told, slots = 120, series = {};
            for (const name in current.series) series[name] = Array(slots).fill(name === 'misses' || name === 'memory_hits' ? 1 : 0);
            told.previous = { from_ms: told.now_ms - 2 * hour, step_ms: hour / slots, series, totals: { ...current.totals, calls: 20, hit_rate_percent: 50, load_p95_ms: current.totals.load_p95_ms * 2 } };
            return new Response(JSON.stringify(told));
        };
    }");
    page.until("the comparison", "$('calls-before').checkVisibility()");
    assert_eq!(page.text("calls-before"), "▲ 100 % on the hour before");
    assert_eq!(page.text("rate-of"), "▲ 25.0 points on the hour before");
    assert_eq!(page.text("load-before"), "▼ 50 % on the hour before");
    assert!(
        page.value(
            "$('load-before').classList.contains('good') && $('rate-of').classList.contains('good')"
        ) == true
    );
    let colour = |id: &str| format!("getComputedStyle($('{id}')).color");
    assert_ne!(
        page.value(&colour("load-before")),
        page.value(&colour("calls-before")),
        "more calls are neither good nor bad, shorter loads are good"
    );
    for chart in ["calls-chart", "rate-chart"] {
        let drawn = format!("document.querySelectorAll('#{chart} .before').length");
        assert_eq!(page.value(&drawn), 1, "{chart}");
    }
    assert!(page.text("rate-legend").contains("the hour before"));
}

#[test]
fn what_is_pointed_at_is_told_in_every_chart() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    let mut n = 0;
    page.until_while(
        "a line",
        "!!document.querySelector('#rate-chart .line')",
        || {
            n += 1;
            board.ask(&format!("jobs/{}", n % 5));
        },
    );
    page.click("pause");
    page.click("calls-chart");
    let crosses = "document.querySelectorAll('.chart .cross').length";
    assert_eq!(page.value(crosses), 5, "the same moment in all of them");
    // The last slot, or the one before it: as the route tells it.
    let told = board.told("history?range=1h")["current"]["series"].take();
    let sum = |name: &str| {
        told[name]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(serde_json::Value::as_u64)
            .sum::<u64>()
    };
    assert!(sum("misses") >= 5 && sum("memory_hits") + sum("redis_hits") > 0);
    assert!(page.text("calls-legend").contains("Missed"));
    page.value("$('calls-chart').dispatchEvent(new PointerEvent('pointerleave'))");
    assert_eq!(page.value(crosses), 0);
}
