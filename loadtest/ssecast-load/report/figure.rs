//! A figure: a chart with what it shows in a heading, in words, and in numbers.

use super::chart::{Chart, Size};
use super::markup::{Element, element};
use super::palette::Color;
use super::table::Table;

/// A chart and what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) title: String,
    /// Lines below the title.
    pub(super) about: Vec<Element>,
    pub(super) chart: Chart,
    /// What the chart shows, for those who do not see it.
    pub(super) description: String,
    pub(super) table: Table,
}

impl Figure {
    /// Across the page or beside another; `id` is its own on the page.
    pub(super) fn element(&self, id: &str, is_full: bool) -> Element {
        let sizes: &[Size] =
            if is_full { &[Size::Full, Size::Wide, Size::Narrow] } else { &[Size::Wide, Size::Narrow] };
        let drawings = sizes.iter().map(|size| self.chart.draw(*size, id, &self.title, &self.description));
        let caption =
            element("figcaption").child(element("h3").text(&self.title)).children(self.about.iter().cloned());
        element("figure")
            .class(if is_full { "across" } else { "beside" })
            .with("id", id)
            .child(caption)
            .children(drawings)
            .child(self.table.folded("Numbers"))
    }
}

/// A line of words below a title.
pub(super) fn remark(text: impl Into<String>) -> Element {
    element("p").class("about").text(text)
}

/// A value with whose it is.
pub(super) struct Labelled {
    pub(super) name: String,
    pub(super) color: Color,
    pub(super) text: String,
}

/// A line of values below a title, with names in the colours of the chart.
pub(super) fn labelled(what: &str, values: impl IntoIterator<Item = Labelled>) -> Element {
    let values = values.into_iter().map(|Labelled { name, color, text }| {
        let name = element("b").class(format!("label {}", color.class())).text(name);
        element("span").class("value").child(name).text(format!(" {text}"))
    });
    element("p").class("about values").child(element("span").text(what)).children(values)
}
