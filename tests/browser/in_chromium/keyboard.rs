//! Everything can be done without a mouse, and it can be seen where one is.

use crate::board::{Board, TOKEN};
use crate::page::{Key, Page};

/// What has the focus: its id, else its text. It must be to be seen that it has it.
#[track_caller]
fn focused(page: &mut Page) -> String {
    let ring = page.value(
        "(() => { const s = getComputedStyle(document.activeElement);
           return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 && s.outlineColor !== 'rgba(0, 0, 0, 0)'; })()",
    );
    let focused = page.value(
        "document.activeElement === document.body ? 'nothing' : document.activeElement.id || document.activeElement.name || document.activeElement.getAttribute('aria-label') || document.activeElement.textContent",
    );
    let focused = focused.as_str().unwrap().to_owned();
    assert!(
        ring == true,
        "{focused} has the focus, and it does not show"
    );
    focused
}

#[track_caller]
fn tab(page: &mut Page) -> String {
    page.press(Key::Tab);
    focused(page)
}

#[test]
fn tab_goes_through_the_page_in_order_and_enter_acts() {
    let board = Board::open();
    let Some(mut page) = board.door() else { return };
    assert_eq!(focused(&mut page), "token", "ready to be written to");
    assert_eq!(tab(&mut page), "Open");
    page.press(Key::BackTab);
    assert_eq!(focused(&mut page), "token");
    page.write(TOKEN);
    page.press(Key::Enter);
    page.until("the door to open", "$('inside').checkVisibility()");
    board.keep("jobs/1");
    page.until("a row", "$('functions').rows.length > 0");

    page.until(
        "the focus to come along",
        "document.activeElement.name === 'range'",
    );
    assert_eq!(tab(&mut page), "every");
    assert_eq!(tab(&mut page), "pause");
    assert_eq!(tab(&mut page), "leave");
    assert_eq!(tab(&mut page), "What happened");
    assert_eq!(tab(&mut page), "pattern");
    page.write("jobs:");
    page.press(Key::Enter);
    page.until("the count", "!$('remove').disabled");
    assert_eq!(tab(&mut page), "preview");
    assert_eq!(tab(&mut page), "inspect");
    assert_eq!(tab(&mut page), "remove");
    page.press(Key::Enter);
    page.until(
        "the removal",
        "$('said').textContent === '1 entry removed, everywhere.'",
    );
    assert_eq!(focused(&mut page), "pattern", "for the next one");
    assert_eq!(tab(&mut page), "preview");
    assert_eq!(tab(&mut page), "inspect");
    // Nothing is counted, so there is nothing to remove.
    assert_eq!(tab(&mut page), "Functions");
    assert_eq!(tab(&mut page), "Function");
    page.press(Key::Enter);
    page.until(
        "rows sorted by name",
        "$('columns').cells[0].getAttribute('aria-sort') === 'ascending'",
    );
    let mut seen = Vec::new();
    while seen.last().is_none_or(|name| name != "Recent removals") {
        seen.push(tab(&mut page));
        assert!(seen.len() < 40, "{seen:?}");
    }
    assert!(seen.contains(&"Hottest keys".to_owned()), "{seen:?}");
}

#[test]
fn a_slash_goes_to_the_search_and_escape_leaves_a_key() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    board.keep("jobs/1");
    for _ in 0..200 {
        board.ask("jobs/1");
    }
    page.until("the hottest key", "$('hottest').rows.length === 1");
    page.press(Key::Slash);
    assert_eq!(focused(&mut page), "search");
    page.write("jobs:1");
    page.value("$('hottest').querySelector('button').focus()");
    page.press(Key::Enter);
    page.until("the key", "$('entry').open");
    assert_eq!(focused(&mut page), "entry-copy");
    page.press(Key::Escape);
    page.until("the page again", "!$('entry').open");
    assert_eq!(focused(&mut page), "jobs:1", "where it was");
}
