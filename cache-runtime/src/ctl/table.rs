//! A table in plain text: columns as wide as their longest cell, the last one as long as it is.

/// Rows of cells.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns whose cells stand at the right.
    right: Vec<usize>,
}

impl Table {
    pub(super) fn new(head: &[&str], right: &[usize]) -> Self {
        let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
        Self {
            rows: if head.is_empty() {
                Vec::new()
            } else {
                vec![head]
            },
            right: right.to_vec(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| length(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                if column > 0 {
                    line.push_str("  ");
                }
                let space = " ".repeat(widths[column] - length(cell));
                if self.right.contains(&column) {
                    line.push_str(&space);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&space);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Characters that take room: colours take none.
fn length(cell: &str) -> usize {
    let mut count = 0;
    let mut chars = cell.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            while chars.next().is_some_and(|c| c != 'm') {}
        } else {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell_whatever_its_colour() {
        let mut table = Table::new(&["KEY", "SIZE", ""], &[1]);
        table.row(vec!["\x1b[31ma\x1b[0m".into(), "10".into(), "x".into()]);
        table.row(vec!["größer".into(), "1,000".into()]);
        let text = table.render();
        assert_eq!(
            text,
            "KEY      SIZE\n\x1b[31ma\x1b[0m          10  x\ngrößer  1,000\n"
        );
    }
}
