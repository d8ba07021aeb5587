//! Redis dies and comes back, before the operator's eyes.

use crate::board::Board;

#[test]
fn the_page_goes_on_without_redis_and_says_so() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    board.keep("jobs/1");
    page.until("health", "$('state').textContent === 'healthy'");
    assert!(!page.shows("away"));
    page.until(
        "a round trip",
        "$('latency-of').textContent === 'breaker closed' && /\\d ms$/.test($('latency').textContent)",
    );

    board.redis.kill9();
    page.until(
        "the outage",
        "$('state').textContent === 'degraded, serving without Redis' && $('away').checkVisibility()",
    );
    assert!(page.text("away").starts_with("Redis is away"));
    page.until(
        "the breaker",
        "/^breaker (open|half-open)$/.test($('latency-of').textContent)",
    );
    page.until("no round trip", "$('latency').textContent === '–'");
    let backend = "[...$('tiers').children].map(e => e.textContent).join(' ')";
    page.until(
        "the breaker among the tiers",
        &format!("/Breaker (open|half-open)/.test({backend})"),
    );

    // The service goes on, and its figures move.
    let calls = page.text("calls");
    let moved = format!("$('calls').textContent !== '{calls}'");
    page.until_while("calls that count", &moved, || {
        board.ask("jobs/1");
    });

    page.click("pattern");
    page.write("jobs:");
    page.click("preview");
    page.until("the count", "!$('remove').disabled");
    page.click("remove");
    page.until(
        "a removal that waits",
        "$('said').textContent.endsWith('The rest follows when Redis is back.')",
    );
    page.until(
        "it in the banner",
        "$('away').textContent.includes('1 removal waits to be replayed')",
    );
    page.until(
        "it in the list",
        "$('recent').textContent.includes('waits for Redis')",
    );

    page.until(
        "it on the time line",
        "$('events').textContent.includes('Redis is not used') && document.querySelectorAll('#calls-chart .mark.bad').length > 0",
    );

    board.redis.restart();
    page.until(
        "Redis to be back",
        "$('state').textContent === 'healthy' && $('latency-of').textContent === 'breaker closed'",
    );
    page.until(
        "that it is said",
        "$('away').checkVisibility() && $('away').textContent.startsWith('Redis is back')",
    );
    page.until(
        "that nothing waits",
        "!$('recent').textContent.includes('waits for Redis') && $('recent').textContent.includes('then replayed')",
    );
    assert_eq!(page.text("said"), "", "what was to follow has followed");
    page.until(
        "its end on the time line",
        "['Redis is used', 'The journal is empty again'].every(text => $('events').textContent.includes(text))",
    );
    let told = board.told("history?range=1h")["events"].take();
    let told = told.as_array().unwrap();
    assert_eq!(page.value("$('events').children.length"), told.len());
}
