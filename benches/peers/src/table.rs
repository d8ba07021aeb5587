//! Markdown.

/// A table whose first column names the rows.
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub fn new(columns: Vec<&'static str>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, name: impl Into<String>, cells: Vec<String>) {
        self.rows.push((name.into(), cells));
    }

    pub fn print(&self, title: &str) {
        println!("\n## {title}\n");
        println!("| | {} |", self.columns.join(" | "));
        println!("|{}", "---|".repeat(self.columns.len() + 1));
        for (name, cells) in &self.rows {
            println!("| {name} | {} |", cells.join(" | "));
        }
    }
}

/// What a library has no operation for.
pub const NOT_OFFERED: &str = "–";
