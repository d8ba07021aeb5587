//! Who gets in, and what the page keeps of the token.

use crate::board::{Board, TOKEN, enter};
use crate::page::Key;

#[test]
fn a_wrong_token_is_refused_and_a_right_one_opens() {
    let board = Board::open();
    let Some(mut page) = board.door() else { return };
    assert!(page.shows("door") && !page.shows("inside"));
    assert_eq!(page.text("refused"), "");

    page.write("not the token");
    page.press(Key::Enter);
    page.until("a refusal", "$('refused').textContent.includes('token')");
    assert!(page.shows("door") && page.shows("refused") && !page.shows("inside"));
    assert_eq!(page.value("$('token').value"), "", "nothing is left in it");
    assert_eq!(
        page.value("$('rate').textContent"),
        "–",
        "and nothing is told"
    );

    enter(&mut page);
    assert!(!page.shows("door"));
    page.until("figures", "$('state').textContent === 'healthy'");
}

#[test]
fn the_token_is_kept_in_memory_and_nowhere_else() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    let kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])";
    let kept = page.value(kept);
    assert!(!kept.as_str().unwrap().contains(&TOKEN[..8]), "{kept}");
    let shown = page.value("document.documentElement.outerHTML");
    assert!(!shown.as_str().unwrap().contains(TOKEN));
    assert_eq!(page.value("$('token').value"), "");

    page.click("leave");
    page.until("the door to shut", "$('door').checkVisibility()");
    assert!(!page.shows("inside"));
    enter(&mut page);

    page.visit(&format!("{}/cache/dashboard", board.origin()));
    page.until("the door after a reload", "$('door').checkVisibility()");
}
