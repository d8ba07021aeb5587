//! The search, and lists that end where they end.

use crate::board::Board;

#[test]
fn the_search_narrows_every_list_and_says_of_how_many() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    for n in 0..40 {
        board.ask(&format!("jobs/{}", n % 4));
        board.ask("posts/1");
    }
    for pattern in ["jobs:9", "posts:9"] {
        board
            .runtime
            .block_on(board.cache.invalidate_pattern(pattern))
            .unwrap();
    }
    board.runtime.block_on(board.cache.clear());
    page.until("both functions", "$('functions').rows.length === 2");
    page.until("the removals", "$('recent').rows.length === 3");
    page.until("an event", "$('events').children.length > 0");
    page.click("search");
    page.write("POST");
    let rows = "[...$('functions').rows].map(row => row.querySelector('.k').textContent).join()";
    assert_eq!(page.value(rows), "post");
    assert!(page.text("functions-of").starts_with("1 of 2 called"));
    assert_eq!(
        page.value("[...$('recent').rows].map(row => row.cells[0].textContent).join()"),
        "posts:9"
    );
    assert!(page.text("recent-of").ends_with("; 1 of 3"));
    assert_eq!(page.value("[...$('hottest').querySelectorAll('.k')].every(e => e.textContent.startsWith('posts:'))"), true);
    assert_eq!(page.value("$('events').children.length"), 0);
    assert!(page.text("events-of").starts_with("0 of "));
    page.value("$('search').value = ''; $('search').dispatchEvent(new Event('input'))");
    assert_eq!(page.value("$('functions').rows.length"), 2);
}

#[test]
fn every_key_that_is_tracked_is_listed() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    for n in 0..1_200 {
        board.ask(&format!("jobs/{}", n % 60));
    }
    let told = board.told("hottest?limit=256")["keys"]
        .as_array()
        .unwrap()
        .len();
    assert!(told > 20, "{told}");
    page.until(
        "all of them",
        &format!("$('hottest').rows.length === {told}"),
    );
    assert_eq!(
        page.value("/more/.test($('inside').innerText)"),
        false,
        "nothing that cannot be reached"
    );
    let many: Vec<_> = (0..12).map(|n| format!("jobs:many:{n}")).collect();
    board.runtime.block_on(async {
        for _ in 0..120 {
            let _ = board.cache.delete(&*many[0]).await;
        }
    });
    page.until("the last hundred", "$('recent').rows.length === 100");
}
