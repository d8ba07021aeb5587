//! The map as a picture: writers at the left, readers at the right, and a line for each removal that may concern an entry.
//!
//! The picture needs nothing else: no font, no script, no other file. It follows the reader's choice of light or dark.

use std::fmt::Write as _;

use crate::ctl::map::function::Removed;
use crate::ctl::map::graph::Graph;
use crate::ctl::out::visible;

const LINE: usize = 18;
const PADDING: usize = 8;
const GAP: usize = 12;
const MARGIN: usize = 16;
const HEAD: usize = 28;
/// The space for the lines between both sides.
const BETWEEN: usize = 220;
/// A text longer than this is cut; all of it is in the title that appears when one points at it.
const LONGEST: usize = 72;

const STYLE: &str = "\
svg{--ground:#fbfaf7;--card:#fff;--ink:#20262b;--soft:#5c666d;--line:#c9ced2;--edge:#17735a;--bad:#b3372b}\
@media (prefers-color-scheme:dark){svg{--ground:#101316;--card:#181c20;--ink:#e7e6e1;--soft:#a1a8ad;--line:#3a4248;\
--edge:#6cc5a9;--bad:#f0897e}}\
.ground{fill:var(--ground)}.card{fill:var(--card);stroke:var(--line)}.bad{stroke:var(--bad);stroke-dasharray:5 3}\
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:var(--ink)}\
.name{font-weight:600}.soft{fill:var(--soft)}.lost{fill:var(--bad)}\
path{fill:none;stroke:var(--edge);stroke-width:1.3;opacity:.75}path:hover{stroke-width:3;opacity:1}";

/// A box with lines of text.
struct Card {
    lines: Vec<Line>,
    title: String,
    is_bad: bool,
    top: usize,
}

struct Line {
    text: String,
    class: &'static str,
}

/// Draws the picture.
pub(super) fn draw(graph: &Graph<'_>) -> String {
    let mut writers: Vec<Card> = (0..graph.writers.len())
        .map(|at| writer(graph, at))
        .collect();
    let mut readers: Vec<Card> = (0..graph.readers.len())
        .map(|at| reader(graph, at))
        .collect();
    let height = stack(&mut writers).max(stack(&mut readers)) + MARGIN;
    let (left, right) = (width(&writers), width(&readers));
    let from = MARGIN + left;
    let to = from + BETWEEN;
    let whole = to + right + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {height}\" width=\"{whole}\" height=\"{height}\" \
         role=\"img\" aria-label=\"which functions remove what others store\">\n<title>{} readers, {} writers</title>\n\
         <style>{STYLE}</style>\n<rect class=\"ground\" width=\"{whole}\" height=\"{height}\"/>\n",
        readers.len(),
        writers.len()
    );
    head(&mut svg, MARGIN, "WRITERS");
    head(&mut svg, to, "READERS");
    for edge in graph.edges.iter().filter(|edge| !edge.own) {
        let (writer, reader) = (&writers[edge.writer], &readers[edge.reader]);
        let start = writer.top + PADDING + LINE * (2 + edge.removal) + LINE / 2;
        let end = reader.top + reader.height() / 2;
        let removal = &graph.writers[edge.writer].function.removes[edge.removal];
        let names = (
            &graph.writers[edge.writer].function.name,
            &graph.readers[edge.reader].function.name,
        );
        let title = escaped(&format!(
            "{} removes {} with {}",
            names.0, names.1, removal.written
        ));
        let (near, far) = (from + BETWEEN / 2, to - BETWEEN / 2);
        let _ = writeln!(
            svg,
            "<path d=\"M{from} {start}C{near} {start} {far} {end} {to} {end}\"><title>{title}</title></path>"
        );
    }
    writers
        .iter()
        .for_each(|card| card.draw(&mut svg, MARGIN, left));
    readers
        .iter()
        .for_each(|card| card.draw(&mut svg, to, right));
    svg.push_str("</svg>\n");
    svg
}

fn writer(graph: &Graph<'_>, at: usize) -> Card {
    let function = graph.writers[at].function;
    let mut lines = named(&function.name, &function.place.to_string());
    for (number, removal) in function.removes.iter().enumerate() {
        let is_call = matches!(removal.what, Removed::Companion { .. });
        let is_lost = !is_call && graph.removed_by(at, number).next().is_none();
        lines.push(Line {
            text: removal.written.clone(),
            class: if is_lost { "lost" } else { "" },
        });
    }
    Card::new(lines, false)
}

fn reader(graph: &Graph<'_>, at: usize) -> Card {
    let (function, store) = (graph.readers[at].function, graph.readers[at].store);
    let mut lines = named(&function.name, &function.place.to_string());
    let line = |text: String, class| Line { text, class };
    lines.push(line(store.key.shown(), ""));
    if !store.tags.listed.is_empty() {
        lines.push(line(store.tags.shown(), "soft"));
    }
    let is_removed = graph.is_removed(at);
    let note = if is_removed {
        ""
    } else {
        ", removed by nobody"
    };
    lines.push(line(format!("TTL {}{note}", store.ttl.shown()), "soft"));
    Card::new(lines, !is_removed)
}

/// The first two lines of every box.
fn named(name: &str, place: &str) -> Vec<Line> {
    let line = |text: &str, class| Line {
        text: text.to_owned(),
        class,
    };
    vec![line(name, "name"), line(place, "soft")]
}

impl Card {
    fn new(lines: Vec<Line>, is_bad: bool) -> Self {
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        Self {
            title: texts.join(", "),
            lines,
            is_bad,
            top: 0,
        }
    }

    fn height(&self) -> usize {
        2 * PADDING + LINE * self.lines.len()
    }

    fn draw(&self, svg: &mut String, left: usize, width: usize) {
        let (top, height) = (self.top, self.height());
        let bad = if self.is_bad { " bad" } else { "" };
        let _ = writeln!(
            svg,
            "<g><title>{}</title><rect class=\"card{bad}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>",
            escaped(&self.title)
        );
        for (at, line) in self.lines.iter().enumerate() {
            let (x, y) = (left + PADDING, top + PADDING + LINE * at + 13);
            let _ = writeln!(
                svg,
                "<text class=\"{}\" x=\"{x}\" y=\"{y}\">{}</text>",
                line.class,
                escaped(&cut(&line.text))
            );
        }
        svg.push_str("</g>\n");
    }
}

fn head(svg: &mut String, left: usize, text: &str) {
    let y = MARGIN + 8;
    let _ = writeln!(
        svg,
        "<text class=\"soft\" x=\"{left}\" y=\"{y}\">{text}</text>"
    );
}

/// Puts boxes below one another. Returns where the last one ends.
fn stack(cards: &mut [Card]) -> usize {
    let mut top = MARGIN + HEAD;
    for card in cards {
        card.top = top;
        top += card.height() + GAP;
    }
    top
}

/// The width of the widest text, with the space around it.
fn width(cards: &[Card]) -> usize {
    let lines = cards.iter().flat_map(|card| &card.lines);
    let widest = lines.map(|line| room(&cut(&line.text))).max().unwrap_or(0);
    widest.max(80) + 2 * PADDING
}

/// About how wide a text is in a monospaced font: letters of Latin scripts are eight units wide, all others at most
/// thirteen.
fn room(text: &str) -> usize {
    text.chars()
        .map(|c| if c < '\u{300}' { 8 } else { 13 })
        .sum()
}

fn cut(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// A text within XML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // No XML document may contain these.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_markup() {
        assert_eq!(
            escaped("<script>&\"x\"\u{0}"),
            "&lt;script&gt;&amp;&quot;x&quot;\\u{0}"
        );
        assert_eq!(cut(&"é".repeat(100)).chars().count(), LONGEST + 1);
        assert!(room("東京") > room("ab"));
    }

    #[test]
    fn boxes_do_not_overlap() {
        let card = || Card::new(named("a", "b"), false);
        let mut cards = [card(), card(), card()];
        let end = stack(&mut cards);
        let apart = cards
            .windows(2)
            .all(|two| two[0].top + two[0].height() < two[1].top);
        assert!(apart && end > cards[2].top + cards[2].height());
    }
}
