//! The page speaks with nobody but the service, and its policy finds nothing to forbid.

use serde_json::Value;

use crate::board::Board;
use crate::page::Page;

/// What the browser had to complain about.
fn complaints(page: &mut Page) -> Vec<Value> {
    let mut complaints = page.told("Runtime.exceptionThrown");
    let loud = |event: &Value| event["type"] == "error" || event["type"] == "warning";
    complaints.extend((page.told("Runtime.consoleAPICalled").into_iter()).filter(loud));
    complaints
        .extend((page.told("Log.entryAdded").into_iter()).map(|event| event["entry"].clone()));
    let forbidden = page.value("forbidden");
    complaints.extend(forbidden.as_array().unwrap().iter().cloned());
    complaints
}

/// Where it sent requests, its own pictures in `data:` aside.
fn asked(page: &mut Page) -> Vec<String> {
    let sent = page.told("Network.requestWillBeSent");
    let addresses = sent.iter().map(|event| event["request"]["url"].as_str());
    let addresses = addresses.map(|address| address.expect("an address").to_owned());
    addresses
        .filter(|address| !address.starts_with("data:"))
        .collect()
}

#[test]
fn nothing_is_forbidden_and_nobody_else_is_asked() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    // Everything that can be done on it.
    for path in ["jobs/1", "jobs/2"] {
        board.keep(path);
    }
    page.until("a row", "$('functions').rows.length > 0");
    page.value("$('columns').querySelectorAll('button').forEach(button => button.click())");
    for chart in ["calls", "rate", "latency", "memory", "trouble"] {
        page.click(&format!("{chart}-chart"));
    }
    page.click_on("$('functions').querySelector('button.k')");
    page.until("its pattern", "$('pattern').value === 'jobs:'");
    page.value("$('pattern').value = 'jobs:1'");
    page.click("inspect");
    page.until("the entry", "$('entry').open");
    page.click("entry-close");
    page.value("$('pattern').value = ''");
    page.click_on("document.querySelector('#range input[value=\"6h\"]').parentElement");
    page.click("search");
    page.write("jobs");
    page.click("pattern");
    page.write("jobs:");
    page.click("preview");
    page.until("the count", "!$('remove').disabled");
    page.click("remove");
    page.until("the list", "$('recent').rows.length === 1");
    page.click("pause");
    page.click("pause");
    page.click("leave");
    page.until("the door to shut", "$('door').checkVisibility()");

    assert_eq!(complaints(&mut page), Vec::<Value>::new());
    let asked = asked(&mut page);
    let own = format!("{}/", board.origin());
    assert!(
        asked.iter().all(|address| address.starts_with(&own)),
        "{asked:?}"
    );
    for path in [
        "cache/dashboard",
        "cache/stats",
        "cache/functions",
        "cache/invalidate?",
    ] {
        assert!(
            asked
                .iter()
                .any(|address| address.starts_with(&format!("{own}{path}"))),
            "{path}: {asked:?}"
        );
    }
}

#[test]
fn what_does_not_belong_to_the_page_is_forbidden_and_noticed() {
    let board = Board::open();
    let Some(mut page) = board.inside() else {
        return;
    };
    assert_eq!(complaints(&mut page), Vec::<Value>::new());
    // What an injected text would try.
    page.value(
        "document.body.insertAdjacentHTML('beforeend',
            '<p style=\"color:red\">x</p><img src=\"http://127.0.0.1:9/x.png\" onerror=\"ran = 1\">')",
    );
    page.value("fetch('http://127.0.0.1:9/').catch(() => 0)");
    page.value("{ const s = document.createElement('script'); s.textContent = 'ran = 1'; document.body.append(s); }");
    for directive in [
        "style-src-attr",
        "img-src",
        "script-src-attr",
        "connect-src",
        "script-src-elem",
    ] {
        page.until(
            directive,
            &format!("forbidden.some(what => what.startsWith('{directive}:'))"),
        );
    }
    assert_eq!(page.value("typeof ran"), "undefined");
    assert!(!complaints(&mut page).is_empty());
}
