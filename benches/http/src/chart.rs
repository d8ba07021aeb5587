//! Bar charts as SVG. One file serves a light and a dark page: its colours are variables that the reader's scheme sets.

use std::fmt::Write;

const WIDTH: u32 = 720;
const BARS_FROM: u32 = 254;
const LONGEST: f64 = 316.0;
const ROW: u32 = 24;
const BAR: u32 = 16;

const STYLE: &str = "\
:root { --page: #ffffff; --text: #1f2328; --faint: #59636e; --line: #d1d9e0; --ours: #0969da; --other: #b6bfc8; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --text: #f0f6fc; --faint: #9198a1; --line: #3d444d; --ours: #4493f8; --other: #59636e; }
}
text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: var(--text); }
.title { font-size: 16px; font-weight: 600; }
.panel { fill: var(--faint); }
.own { font-weight: 600; }
.name { text-anchor: end; }
.page { fill: var(--page); }
.ours { fill: var(--ours); }
.other { fill: var(--other); }
.axis { stroke: var(--line); }";

pub struct Chart {
    pub title: String,
    pub panels: Vec<Panel>,
}

pub struct Panel {
    pub title: String,
    pub scale: Scale,
    pub bars: Vec<Bar>,
}

pub struct Bar {
    pub name: String,
    pub value: f64,
    /// Written at its end.
    pub label: String,
    pub ours: bool,
}

#[derive(Clone, Copy)]
pub enum Scale {
    Linear,
    /// The longest bar possible is 100.
    Percent,
    /// Begins at 0.1.
    Logarithmic,
}

impl Chart {
    pub fn svg(&self) -> String {
        let mut body = String::new();
        let mut y = 30;
        let _ = writeln!(
            body,
            "<text class=\"title\" x=\"16\" y=\"{y}\">{}</text>",
            escaped(&self.title)
        );
        for panel in &self.panels {
            y = panel.draw(&mut body, y + 28);
        }
        let height = y + 8;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}</title>\n<style>\n{STYLE}\n</style>\n\
             <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>\n",
            escaped(&self.title)
        )
    }
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
        };
        share.clamp(0.0, 1.0)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
