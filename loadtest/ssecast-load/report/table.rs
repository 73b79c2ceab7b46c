//! The numbers behind a chart, as a table that opens below it.

use super::markup::{Element, element};

/// A table whose first columns hold text and the others numbers.
#[derive(Clone, Debug)]
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    texts: usize,
}

impl Table {
    /// Of these columns, the first `texts` of which hold text.
    pub(super) fn new(texts: usize, head: &[&str]) -> Self {
        Self { head: head.iter().map(|title| (*title).to_owned()).collect(), rows: Vec::new(), texts }
    }

    pub(super) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Closed, with `summary` to open it by.
    pub(super) fn folded(&self, summary: &str) -> Element {
        element("details").child(element("summary").text(summary)).child(self.element(summary))
    }

    /// In a box that scrolls where the table is wider than the page; `label` names it.
    fn element(&self, label: &str) -> Element {
        let head = self
            .head
            .iter()
            .enumerate()
            .map(|(i, title)| element("th").with("scope", "col").class(self.class(i)).text(title));
        let rows = self.rows.iter().map(|row| {
            let cells = row.iter().enumerate().map(|(i, cell)| match i {
                0 => element("th").with("scope", "row").text(cell),
                _ => element("td").class(self.class(i)).text(cell),
            });
            element("tr").children(cells)
        });
        let table = element("table")
            .child(element("thead").child(element("tr").children(head)))
            .child(element("tbody").children(rows));
        element("div")
            .class("scroll")
            .with("role", "region")
            .with("tabindex", 0)
            .with("aria-label", label)
            .child(table)
    }

    fn class(&self, column: usize) -> &'static str {
        if column < self.texts { "words" } else { "number" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markup::assert_balanced;

    #[test]
    fn a_table_names_its_rows_and_columns() {
        let mut table = Table::new(1, &["label", "p99"]);
        table.push(vec!["<i>".to_owned(), "21.3".to_owned()]);
        let written = table.folded("Numbers").to_string();
        assert_balanced(&written);
        assert!(written.contains("<th scope=\"row\">&lt;i&gt;</th>"), "{written}");
        assert!(written.contains("<td class=\"number\">21.3</td>"), "{written}");
    }
}
