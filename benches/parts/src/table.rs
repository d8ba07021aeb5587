//! Markdown.

/// A table whose first column names the rows.
#[derive(Debug)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// The cell of a contender that has no such operation.
pub const NOT_OFFERED: &str = "–";

impl Table {
    /// Without rows.
    pub fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, of as many cells as there are columns.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table, with a line feed at its end.
    pub fn markdown(&self) -> String {
        let mut text = format!("| {} |\n|", self.columns.join(" | "));
        text.push_str("---|");
        text.push_str(&"---:|".repeat(self.columns.len() - 1));
        for cells in &self.rows {
            text.push_str(&format!("\n| {} |", cells.join(" | ")));
        }
        text.push('\n');
        text
    }
}

/// The first column: the name, ours in bold, what is code as code.
pub fn name(name: &str, ours: bool) -> String {
    let name = name.replace("Arc<T>", "`Arc<T>`");
    match ours {
        true => format!("**{name}**"),
        false => name,
    }
}
