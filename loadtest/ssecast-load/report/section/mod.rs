//! Sections of the page: each picks its figures from the runs, or says what would have to be measured.

use super::figure::Figure;
use super::markup::{Element, element};
use super::runs::Runs;

mod comparison;
mod cpu;
mod headline;
mod latency;
mod memory;
mod soak;
mod throughput;

pub(super) use headline::tiles;

/// A part of the page.
struct Section {
    /// What a link to it says after the `#`.
    id: &'static str,
    title: &'static str,
    intro: &'static str,
    figures: Vec<Figure>,
    /// Said in place of figures where there are none.
    missing: &'static str,
}

/// All of them, in the order of the page, after links to them.
pub(super) fn all(runs: &Runs) -> Vec<Element> {
    let sections = [
        latency::section(runs),
        cpu::section(runs),
        throughput::section(runs),
        memory::section(runs),
        soak::section(runs),
    ];
    let links = sections
        .iter()
        .map(|section| element("a").with("href", format!("#{}", section.id)).text(section.title));
    let links = element("nav").with("aria-label", "Sections").children(links);
    std::iter::once(links).chain(sections.iter().map(Section::element)).collect()
}

impl Section {
    fn element(&self) -> Element {
        let section = element("section").with("id", self.id).child(element("h2").text(self.title));
        if self.figures.is_empty() {
            return section.child(element("p").class("missing").text(self.missing));
        }
        // With an odd number, the first one is across the page, so that none has a hole beside it.
        let has_lead = self.figures.len() % 2 == 1;
        let figures = self
            .figures
            .iter()
            .enumerate()
            .map(|(i, figure)| figure.element(&format!("{}-{}", self.id, i + 1), has_lead && i == 0));
        section
            .child(element("p").class("intro").text(self.intro))
            .child(element("div").class("figures").children(figures))
    }
}
