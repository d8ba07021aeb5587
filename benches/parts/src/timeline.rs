//! Lines over time as SVG, in the colours of [`chart`](crate::chart).

use std::fmt::Write;
use std::time::Duration;

use crate::chart::{escaped, page};

const LEFT: f64 = 56.0;
const RIGHT: f64 = 560.0;
const HEIGHT: f64 = 180.0;
/// Marks on the axis of time, at most.
const MARKS: u32 = 12;

/// Some lines over one axis of time. The other axis is in percent.
#[derive(Debug)]
pub struct Timeline {
    /// Above it.
    pub title: String,
    /// Below that: what the lines show.
    pub subtitle: String,
    /// Between two points of a line.
    pub step: Duration,
    /// At most five.
    pub lines: Vec<Line>,
    /// Times to point at, with a word for each.
    pub events: Vec<(Duration, String)>,
}

/// One line.
#[derive(Debug)]
pub struct Line {
    /// Written at its end.
    pub name: String,
    /// In percent, each for one step; `None` where nothing was measured.
    pub points: Vec<Option<f64>>,
}

impl Timeline {
    /// The picture.
    pub fn svg(&self) -> String {
        let mut body = String::new();
        let subtitle = escaped(&self.subtitle);
        let _ = writeln!(
            body,
            "<text class=\"panel\" x=\"16\" y=\"52\">{subtitle}</text>"
        );
        let top = 76.0;
        let steps = self.lines.iter().map(|line| line.points.len()).max();
        let steps = steps.unwrap_or(1).max(1);
        let x = |step: f64| LEFT + (RIGHT - LEFT) * step / steps as f64;
        let y = |percent: f64| top + HEIGHT * (1.0 - percent / 100.0);
        for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
            let _ = writeln!(
                body,
                "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{RIGHT}\" y2=\"{0:.1}\"/>\n\
                 <text class=\"name panel\" x=\"{1}\" y=\"{2:.1}\">{percent} %</text>",
                y(percent),
                LEFT - 6.0,
                y(percent) + 4.0
            );
        }
        self.times(&mut body, steps, x, y(0.0) + 18.0);
        for (at, word) in &self.events {
            let at = x(at.as_secs_f64() / self.step.as_secs_f64());
            let _ = writeln!(
                body,
                "<line class=\"event\" x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{:.1}\"/>\n\
                 <text class=\"panel middle\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
                y(0.0),
                top - 6.0,
                escaped(word)
            );
        }
        let mut ends = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            let mut path = String::new();
            let mut last = 0.0;
            for (step, point) in line.points.iter().enumerate() {
                let Some(percent) = point else { continue };
                let letter = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(
                    path,
                    "{letter}{:.1} {:.1} ",
                    x(step as f64 + 0.5),
                    y(*percent)
                );
                last = *percent;
            }
            let _ = writeln!(
                body,
                "<path class=\"line line{number}\" d=\"{}\"/>",
                path.trim()
            );
            ends.push((number, y(last) + 4.0));
        }
        self.names(&mut body, ends);
        page(&self.title, &body, (y(0.0) + 40.0) as u32)
    }

    /// Seconds below the axis.
    fn times(&self, body: &mut String, steps: usize, x: impl Fn(f64) -> f64, y: f64) {
        let seconds = (self.step.as_secs_f64() * steps as f64) as u32;
        let every = seconds.div_ceil(MARKS).max(1);
        for second in (0..=seconds).step_by(every as usize) {
            let at = x(f64::from(second) / self.step.as_secs_f64());
            let _ = writeln!(
                body,
                "<text class=\"panel middle\" x=\"{at:.1}\" y=\"{y:.1}\">{second} s</text>"
            );
        }
    }

    /// Each at the end of its line, or as much lower as the one above it needs.
    fn names(&self, body: &mut String, mut ends: Vec<(usize, f64)>) {
        ends.sort_by(|one, other| one.1.total_cmp(&other.1));
        let mut above = f64::MIN;
        for (number, y) in ends {
            let y = y.max(above + 16.0);
            above = y;
            let _ = writeln!(
                body,
                "<text class=\"line{number}\" x=\"{}\" y=\"{y:.1}\">{}</text>",
                RIGHT + 8.0,
                escaped(&self.lines[number].name)
            );
        }
    }
}
