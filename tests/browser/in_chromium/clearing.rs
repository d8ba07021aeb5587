//! Everything is cleared only by a super admin who has typed the word.

use crate::board::Board;
use crate::page::Key;

#[test]
fn an_admin_is_not_offered_to_clear() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    page.until("figures", "$('state').textContent === 'healthy'");
    assert!(!page.shows("clear"));
    assert_eq!(page.text("role"), "admin");
}

#[test]
fn a_super_admin_clears_by_typing_the_namespace() {
    let board = Board::open();
    let Some(mut page) = board.inside_as_super_admin() else {
        return;
    };
    for path in ["jobs/1", "posts/1"] {
        board.keep(path);
    }
    page.click("clear");
    page.until("the question", "$('clearing').open");
    assert_eq!(page.text("clearing-word"), "board");
    assert_eq!(page.value("document.activeElement.id"), "word");
    // Neither nothing nor another word will do, also not by the keyboard.
    page.press(Key::Enter);
    for (more, allowed) in [("Boar", false), ("d", false)] {
        page.write(more);
        assert!(page.value("!$('clear-now').disabled") == allowed);
        page.press(Key::Enter);
    }
    assert!(page.value("$('clearing').open") == true);
    page.click("clear-not");
    assert_eq!(board.ask("jobs/1"), "HIT", "nothing is cleared");

    page.click("clear");
    assert_eq!(page.value("$('word').value"), "", "typed anew each time");
    page.write("board");
    page.until("the permission", "!$('clear-now').disabled");
    page.click("clear-now");
    page.until(
        "the clear",
        "$('said').textContent === '2 entries removed, everywhere.'",
    );
    for path in ["jobs/1", "posts/1"] {
        assert_eq!(board.ask(path), "MISS");
    }
    page.until(
        "it on the time line",
        "$('events').textContent.includes('Everything was cleared.')",
    );
}
