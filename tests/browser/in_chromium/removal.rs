//! Removing by pattern: counted first, then done, then told.

use crate::board::Board;

#[test]
fn what_is_counted_is_removed_and_told() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    for path in ["jobs/1", "jobs/2", "jobs/10"] {
        board.keep(path);
    }
    assert!(
        page.value("$('remove').disabled") == true,
        "not before it was counted"
    );
    page.click("pattern");
    page.write("jobs:1");
    page.click("preview");
    page.until(
        "the count",
        "$('said').textContent === '1 entry would be removed.'",
    );
    assert_eq!(page.text("remove"), "Remove 1 entry");
    assert_eq!(board.ask("jobs/1"), "HIT", "counting removes nothing");

    // Another pattern was not counted.
    page.click("pattern");
    page.write("0");
    page.until(
        "another pattern",
        "$('remove').disabled && $('said').textContent === ''",
    );
    page.value("$('pattern').value = ''");
    page.write("jobs:");
    page.click("preview");
    page.until(
        "the count of all",
        "$('said').textContent === '3 entries would be removed.'",
    );
    page.click("remove");
    page.until(
        "the removal",
        "$('said').textContent === '3 entries removed, everywhere.'",
    );
    for path in ["jobs/1", "jobs/2", "jobs/10"] {
        assert_eq!(board.ask(path), "MISS");
    }

    page.until("the list", "$('recent').rows.length === 1");
    let told =
        page.value("[...$('recent').rows[0].cells].slice(0, 2).map(e => e.textContent).join()");
    assert_eq!(told, "jobs:,3");
    assert!(!page.shows("no-recent"));
}

#[test]
fn a_pattern_that_cannot_be_says_why() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    page.click("pattern");
    page.write("#jobs:*:all");
    page.click("preview");
    page.until("a reason", "$('said').textContent.includes('`*`')");
    assert!(page.value("$('remove').disabled") == true);
    page.value("$('pattern').value = ''");
    page.write("nobody:");
    page.click("preview");
    page.until(
        "nothing to remove",
        "$('said').textContent.startsWith('Nothing matches now.')",
    );
    assert_eq!(page.text("remove"), "Remove anyway");
}
