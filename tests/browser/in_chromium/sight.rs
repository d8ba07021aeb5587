//! Small windows, dark rooms, tired eyes.

use serde_json::Value;

use crate::board::Board;
use crate::page::Page;

/// WCAG's bound for text of ordinary size.
const READABLE: f64 = 4.5;

/// Every text that is to be seen: itself, its colour, and the colours behind it, the nearest first. What is disabled need
/// not be read.
const TEXTS: &str = "
    (() => {
      const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) {
        const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
        if (!text || e.closest('script, style, caption, :disabled') || !e.checkVisibility({ visibilityProperty: true })) continue;
        const style = getComputedStyle(e), behind = [];
        for (let p = e; p; p = p.parentElement) behind.push(getComputedStyle(p).backgroundColor);
        texts.push({ text, colour: e instanceof SVGElement ? style.fill : style.color, behind });
      }
      return texts;
    })()";

type Colour = [f64; 4];

/// From `rgb(1, 2, 3)` or `rgba(1, 2, 3, 0.5)`: the form of computed values.
#[track_caller]
fn colour(text: &Value) -> Colour {
    let text = text.as_str().unwrap();
    let inner = text.split(['(', ')']).nth(1).expect("rgb(…)");
    let mut parts = inner.split(',').map(|part| part.trim().parse().unwrap());
    let mut next = || parts.next();
    let [red, green, blue] = [(); 3].map(|()| next().expect("three parts"));
    [red, green, blue, next().unwrap_or(1.0)]
}

fn over(front: Colour, back: Colour) -> Colour {
    let mix = |part: usize| front[part] * front[3] + back[part] * (1.0 - front[3]);
    [mix(0), mix(1), mix(2), 1.0]
}

/// By the definition of WCAG 2.
fn luminance(colour: Colour) -> f64 {
    let linear = |part: f64| match part / 255.0 {
        part if part <= 0.040_45 => part / 12.92,
        part => ((part + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
}

fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// How many texts there are, after each was found readable.
#[track_caller]
fn all_readable(page: &mut Page) -> usize {
    let texts = page.value(TEXTS);
    let texts = texts.as_array().unwrap();
    for text in texts {
        let behind = text["behind"].as_array().unwrap().iter().rev();
        let ground = behind
            .map(colour)
            .fold([255.0, 255.0, 255.0, 1.0], |back, front| over(front, back));
        let ratio = contrast(over(colour(&text["colour"]), ground), ground);
        assert!(ratio >= READABLE, "{ratio:.2}: {text}");
    }
    texts.len()
}

/// Everything that a page may show: rows in every table, long names, warnings, a count.
fn crowd(board: &Board, page: &mut Page) {
    board.keep(&format!("jobs/{}", "an-id-without-an-end-".repeat(4)));
    for n in 0..40 {
        board.ask(&format!("jobs/{}", n % 4));
    }
    page.click("pattern");
    page.write(&format!("jobs:{}", "nothing-of-that-name-".repeat(8)));
    page.click("preview");
    page.until("the count", "!$('remove').disabled");
    page.click("remove");
    page.until(
        "rows everywhere",
        "['functions', 'hottest', 'recent'].every(id => $(id).rows.length > 0)",
    );
}

#[track_caller]
fn nothing_sticks_out(page: &mut Page, width: u32) {
    // A phone that has to show more than fits widens the window instead.
    assert_eq!(page.value("innerWidth"), width);
    let out = page.value(
        "[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('.scroll')
           && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))",
    );
    assert_eq!(out, Value::Array(Vec::new()));
    assert!(page.value("document.documentElement.scrollWidth <= innerWidth") == true);
}

#[test]
fn on_a_phone_nothing_sticks_out() {
    let board = Board::open();
    let Some(mut page) = board.door() else { return };
    page.as_phone(375);
    nothing_sticks_out(&mut page, 375);
    crate::board::enter(&mut page);
    crowd(&board, &mut page);
    nothing_sticks_out(&mut page, 375);
    board.redis.kill9();
    page.until("the outage", "$('away').checkVisibility()");
    nothing_sticks_out(&mut page, 375);
    page.as_phone(320);
    nothing_sticks_out(&mut page, 320);
}

#[test]
fn light_and_dark_are_different_and_readable() {
    let board = Board::open();
    let Some(mut page) = board.door() else { return };
    let ground = "getComputedStyle(document.body).backgroundColor";
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        page.prefer(scheme);
        assert!(all_readable(&mut page) >= 4);
        grounds.push(colour(&page.value(ground)));
    }
    assert!(
        luminance(grounds[0]) > 0.8 && luminance(grounds[1]) < 0.05,
        "{grounds:?}"
    );

    crate::board::enter(&mut page);
    crowd(&board, &mut page);
    page.until(
        "charts",
        "document.querySelectorAll('.chart text').length > 6",
    );
    for scheme in ["light", "dark"] {
        page.prefer(scheme);
        assert!(all_readable(&mut page) > 80);
    }
    board.redis.kill9();
    page.until("the outage", "$('away').checkVisibility()");
    for scheme in ["light", "dark"] {
        page.prefer(scheme);
        assert!(all_readable(&mut page) > 80);
    }
}
