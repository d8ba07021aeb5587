//! One part of a report: tables, pictures, and what they mean.

use std::fs;
use std::io;
use std::path::Path;

use crate::chart::Chart;
use crate::table::Table;
use crate::timeline::Timeline;

/// A section of the page.
#[derive(Debug)]
pub struct Part {
    /// Its heading.
    pub title: String,
    /// Says what is measured, and what the columns mean.
    pub text: String,
    /// Stand above the tables.
    pub pictures: Vec<Picture>,
    /// Each with a line above it, which may be empty.
    pub tables: Vec<(String, Table)>,
    /// Sentences that compare the figures, made from them.
    pub verdicts: Vec<String>,
    /// What else a reader has to know.
    pub notes: Vec<String>,
}

/// An SVG file beside the page.
#[derive(Debug)]
pub struct Picture {
    file: String,
    title: String,
    svg: String,
}

impl Picture {
    /// `name` is that of the file, without its ending.
    pub fn bars(name: &str, chart: &Chart) -> Self {
        Self::new(name, &chart.title, chart.svg())
    }

    /// The same.
    pub fn over_time(name: &str, timeline: &Timeline) -> Self {
        Self::new(name, &timeline.title, timeline.svg())
    }

    fn new(name: &str, title: &str, svg: String) -> Self {
        Self {
            file: format!("{name}.svg"),
            title: title.to_owned(),
            svg,
        }
    }
}

impl Part {
    /// The section.
    pub fn markdown(&self) -> String {
        let mut text = format!("\n## {}\n\n{}\n", self.title, self.text);
        for picture in &self.pictures {
            text.push_str(&format!("\n![{}]({})\n", picture.title, picture.file));
        }
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

/// Writes the page `<name>.md` and its pictures into a folder, which is made if there is none.
pub fn write(folder: &Path, name: &str, head: &str, parts: &[Part]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut text = format!("{head}\n");
    for part in parts {
        text.push_str(&part.markdown());
        for picture in &part.pictures {
            fs::write(folder.join(&picture.file), &picture.svg)?;
        }
    }
    fs::write(folder.join(format!("{name}.md")), text)
}
