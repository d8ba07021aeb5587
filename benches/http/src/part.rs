//! One part of the report: a table or two, a chart, and what they mean.

use crate::chart::Chart;
use crate::python::Python;
use crate::table::Table;

/// The settings of the whole run.
pub struct Setting {
    pub python: Python,
    pub rounds: usize,
    pub quick: bool,
}

pub struct Part {
    /// The chart's file is `http-<id>.svg`.
    pub id: &'static str,
    pub title: &'static str,
    /// Says what is measured, and what the columns mean.
    pub text: String,
    /// Each with a line above it, which may be empty.
    pub tables: Vec<(&'static str, Table)>,
    /// Sentences that compare the figures, made from them.
    pub verdicts: Vec<String>,
    pub notes: Vec<String>,
    pub chart: Chart,
}

impl Part {
    pub fn markdown(&self) -> String {
        let mut text = format!("\n## {}\n\n{}\n", self.title, self.text);
        text.push_str(&format!(
            "\n![{}](http-{}.svg)\n",
            self.chart.title, self.id
        ));
        for (line, table) in &self.tables {
            if !line.is_empty() {
                text.push_str(&format!("\n{line}\n"));
            }
            text.push_str(&format!("\n{}", table.markdown()));
        }
        for (title, lines) in [
            ("What the figures say", &self.verdicts),
            ("Notes", &self.notes),
        ] {
            if lines.is_empty() {
                continue;
            }
            text.push_str(&format!("\n{title}:\n\n"));
            for line in lines {
                text.push_str(&format!("- {line}\n"));
            }
        }
        text
    }
}
