//! Columns that line up, as kubectl prints them.

use crate::screen::Paint;

/// A table for people.
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// What stands in one place, and how it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// How it is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    Bad,
    Dim,
    Good,
    Plain,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Cell {
        Cell { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::new(text, Tone::Plain)
    }
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Table {
        Table { head: head.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Three spaces between columns, and none at the end of a line.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let longest = cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0);
            longest.max(self.head.get(column).map_or(0, |head| head.len()))
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let head: Vec<Cell> = self.head.iter().map(|head| Cell::from(*head)).collect();
        let lines = std::iter::once(&head).chain(&self.rows).map(|row| line(row, &widths, paint));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn line(row: &[Cell], widths: &[usize], paint: Paint) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
    let mut line = String::new();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate().take(last + 1) {
        let text = match cell.tone {
            Tone::Bad => paint.bad(&cell.text),
            Tone::Dim => paint.dim(&cell.text),
            Tone::Good => paint.good(&cell.text),
            Tone::Plain => cell.text.clone(),
        };
        line.push_str(&text);
        if index < last {
            line.push_str(&" ".repeat(width.saturating_sub(cell.text.chars().count()) + 3));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colour() {
        let mut table = Table::new(&["NAME", "READY", "WHY"]);
        table.row(vec!["bank/retail".into(), Cell::new("✔", Tone::Good), "".into()]);
        table.row(vec!["x".into(), Cell::new("False", Tone::Bad), "no pods".into()]);
        assert_eq!(
            table.render(Paint::PLAIN),
            "NAME          READY   WHY\nbank/retail   ✔\nx             False   no pods"
        );
        let coloured = table.render(Paint::stdout(crate::screen::ColorChoice::Always));
        assert!(coloured.contains("x             \x1b[31mFalse\x1b[0m   no pods"), "{coloured}");
    }
}
