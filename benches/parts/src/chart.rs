//! Bar charts as SVG. One file serves a light and a dark page: its colours are variables that the reader's scheme sets.

use std::fmt::Write;

const WIDTH: u32 = 720;
const BARS_FROM: u32 = 254;
const LONGEST: f64 = 316.0;
const ROW: u32 = 24;
const BAR: u32 = 16;

const STYLE: &str = "\
:root { --page: #ffffff; --text: #1f2328; --faint: #59636e; --line: #d1d9e0; --ours: #0969da; --other: #b6bfc8;
  --first: #0969da; --second: #bc4c00; --third: #1a7f37; --fourth: #8250df; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --text: #f0f6fc; --faint: #9198a1; --line: #3d444d; --ours: #4493f8; --other: #59636e;
    --first: #4493f8; --second: #db6d28; --third: #3fb950; --fourth: #ab7df8; }
}
text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: var(--text); }
.title { font-size: 16px; font-weight: 600; }
.panel { fill: var(--faint); }
.own { font-weight: 600; }
.name { text-anchor: end; }
.page { fill: var(--page); }
.ours { fill: var(--ours); }
.other { fill: var(--other); }
.axis { stroke: var(--line); }
.event { stroke: var(--faint); stroke-dasharray: 3 3; }
.middle { text-anchor: middle; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
path.line0 { stroke: var(--first); } text.line0 { fill: var(--first); }
path.line1 { stroke: var(--second); } text.line1 { fill: var(--second); }
path.line2 { stroke: var(--third); } text.line2 { fill: var(--third); }
path.line3 { stroke: var(--fourth); } text.line3 { fill: var(--fourth); }
path.line4 { stroke: var(--faint); } text.line4 { fill: var(--faint); }";

/// Panels below one title.
#[derive(Debug)]
pub struct Chart {
    /// Above them.
    pub title: String,
    /// From top to bottom.
    pub panels: Vec<Panel>,
}

/// Bars on one scale.
#[derive(Debug)]
pub struct Panel {
    /// Above the bars.
    pub title: String,
    /// Of all its bars.
    pub scale: Scale,
    /// From top to bottom.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug)]
pub struct Bar {
    /// Before it.
    pub name: String,
    /// How long it is.
    pub value: f64,
    /// Written at its end.
    pub label: String,
    /// Whether it stands out.
    pub ours: bool,
}

/// What the length of a bar means.
#[derive(Debug, Clone, Copy)]
pub enum Scale {
    /// The longest bar is the largest value.
    Linear,
    /// The longest bar possible is 100.
    Percent,
    /// Begins at 0.1.
    Logarithmic,
    /// Begins at 0.1 and ends here, so that panels can be compared.
    LogarithmicTo(f64),
}

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let mut body = String::new();
        let mut y = 30;
        for panel in &self.panels {
            y = panel.draw(&mut body, y + 28);
        }
        page(&self.title, &body, y + 8)
    }
}

/// A whole picture, with its title.
pub(crate) fn page(title: &str, body: &str, height: u32) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{title}</title>\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"16\" y=\"30\">{title}</text>\n{body}</svg>\n"
    )
}

impl Panel {
    /// From this height downwards; returns where it ends.
    fn draw(&self, body: &mut String, mut y: u32) -> u32 {
        let title = escaped(&self.title);
        let _ = writeln!(
            body,
            "<text class=\"panel\" x=\"16\" y=\"{y}\">{title}</text>"
        );
        y += 10;
        let (top, most) = (y, self.most());
        for bar in &self.bars {
            let long = self.scale.share(bar.value, most) * LONGEST;
            let (class, own) = match bar.ours {
                true => ("ours", " own"),
                false => ("other", ""),
            };
            let (text, from) = (y + 17, y + (ROW - BAR) / 2);
            let _ = writeln!(
                body,
                "<text class=\"name{own}\" x=\"{}\" y=\"{text}\">{}</text>\n\
                 <rect class=\"{class}\" x=\"{BARS_FROM}\" y=\"{from}\" width=\"{long:.1}\" height=\"{BAR}\"/>\n\
                 <text class=\"label{own}\" x=\"{:.1}\" y=\"{text}\">{}</text>",
                BARS_FROM - 8,
                escaped(&bar.name),
                f64::from(BARS_FROM) + long + 6.0,
                escaped(&bar.label)
            );
            y += ROW;
        }
        let _ = writeln!(
            body,
            "<line class=\"axis\" x1=\"{BARS_FROM}\" y1=\"{top}\" x2=\"{BARS_FROM}\" y2=\"{y}\"/>"
        );
        y
    }

    fn most(&self) -> f64 {
        let values = self.bars.iter().map(|bar| bar.value);
        values.fold(0.0, f64::max).max(f64::MIN_POSITIVE)
    }
}

impl Scale {
    /// Of the longest bar.
    fn share(self, value: f64, most: f64) -> f64 {
        let share = match self {
            Self::Linear => value / most,
            Self::Percent => value / 100.0,
            Self::Logarithmic => (value / 0.1).ln() / (most / 0.1).ln(),
            Self::LogarithmicTo(most) => (value / 0.1).ln() / (most / 0.1).ln(),
        };
        share.clamp(0.0, 1.0)
    }
}

/// Text as it stands in SVG.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
