//! A key, looked at: where it leads, what is told of it, and to whom.

use cache_tests::wait_until;
use serde_json::json;

use crate::board::Board;
use crate::page::Page;

/// Has the key among the hottest, and opens it.
fn open_hottest(board: &Board, page: &mut Page) {
    board.keep("jobs/7");
    for _ in 0..200 {
        board.ask("jobs/7");
    }
    page.until("the hottest key", "$('hottest').rows.length === 1");
    page.click_on("$('hottest').querySelector('button')");
    page.until("the entry", "$('entry').open");
}

fn pairs(page: &mut Page) -> String {
    let pairs = page.value("[...$('entry-of').children].map(e => e.textContent).join('|')");
    pairs.as_str().unwrap().to_owned()
}

#[test]
fn an_admin_sees_everything_of_a_key_but_its_value() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    open_hottest(&board, &mut page);
    assert_eq!(page.text("entry-key"), "jobs:7");
    assert_eq!(page.text("entry-state"), "fresh");
    let told = board.told("entry?key=jobs%3A7");
    let pairs = pairs(&mut page);
    assert!(pairs.starts_with("Where|Redis"), "{pairs}");
    assert!(pairs.contains("|TTL|10 min, "), "{pairs}");
    assert!(
        pairs.contains(&format!("|Size|{} B|", told["size_bytes"])),
        "{pairs}"
    );
    assert!(
        pairs.contains(&format!("|Stored as|{}", told["codec"].as_str().unwrap())),
        "{pairs}"
    );
    assert!(!page.shows("entry-show") && !page.shows("entry-value") && !page.shows("clear"));
    assert_eq!(
        page.text("entry-said"),
        "Values are shown to a super admin."
    );
    let page_says = page.value("document.body.textContent.includes('job 7')");
    assert_eq!(page_says, false);

    // What the page does not offer, the route refuses.
    let refused =
        page.value("fetch('entry?key=jobs%3A7&value=true').then(answer => answer.status)");
    assert_eq!(refused, 401, "without a token");
    page.click("entry-use");
    assert_eq!(page.value("$('pattern').value"), "jobs:7");
    assert_eq!(page.value("document.activeElement.id"), "pattern");
    assert!(page.value("$('entry').open") == false);
}

#[test]
fn a_super_admin_sees_the_value_and_copies_the_key() {
    let board = Board::open();
    let Some(mut page) = board.inside_as_super_admin() else {
        return;
    };
    page.call(
        "Browser.grantPermissions",
        json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] }),
    );
    open_hottest(&board, &mut page);
    assert!(
        !page.shows("entry-value"),
        "it is not asked for unless wanted"
    );
    page.click("entry-show");
    page.until("the value", "$('entry-value').checkVisibility()");
    assert_eq!(page.text("entry-value"), "\"job 7\"");
    assert!(!page.shows("entry-show"), "there is no more of it");
    page.click("entry-copy");
    page.until("the copy", "$('entry-said').textContent === 'Copied.'");
    assert_eq!(page.value("navigator.clipboard.readText()"), "jobs:7");
    page.click("entry-close");
    page.until("nothing left of it", "$('entry-value').textContent === ''");

    let minute = std::time::Duration::from_secs(60);
    let long = "a long text ".repeat(3_000);
    board
        .runtime
        .block_on(board.cache.set("notes:1", &long, minute))
        .unwrap();
    // A read keeps a copy in memory, whose type is known.
    let soon = std::time::Duration::from_secs(20);
    wait_until(soon, "a copy in memory", || {
        let read = board
            .cache
            .get_or_load::<String, (), _, _>("notes:1", minute, async || Err(()));
        board.runtime.block_on(read).expect("it is stored");
        (board.told("entry?key=notes%3A1")["in_memory"] == true).then_some(())
    });
    page.click("pattern");
    page.write("notes:1");
    page.click("inspect");
    page.until(
        "the other key",
        "$('entry').open && $('entry-key').textContent === 'notes:1'",
    );
    page.click("entry-show");
    page.until(
        "its beginning",
        "$('entry-said').textContent === 'The beginning of the value.'",
    );
    assert_eq!(page.text("entry-show"), "Show all of it");
    page.click("entry-show");
    let all = format!("$('entry-value').textContent.length === {}", long.len() + 2);
    page.until("all of it", &all);
    assert!(!page.shows("entry-show"));
}

#[test]
fn a_key_without_an_entry_says_so_and_a_pattern_is_filled_from_lists() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    page.click("pattern");
    page.write("nobody");
    page.click("inspect");
    page.until("the answer", "$('entry').open");
    assert_eq!(page.text("entry-state"), "absent");
    assert_eq!(page.text("entry-said"), "Nothing is stored at this key.");
    page.click("entry-close");

    board.keep("jobs/1");
    page.until("the function", "$('functions').rows.length === 1");
    page.click_on("$('functions').querySelector('button.k')");
    assert_eq!(page.value("$('pattern').value"), "jobs:");
    page.click("preview");
    page.until(
        "its count",
        "$('said').textContent === '1 entry would be removed.'",
    );
    page.click("remove");
    page.until("the removal", "$('recent').rows.length === 1");
    page.value("$('pattern').value = ''");
    page.click_on("$('recent').querySelector('button.k')");
    assert_eq!(page.value("$('pattern').value"), "jobs:");
}
