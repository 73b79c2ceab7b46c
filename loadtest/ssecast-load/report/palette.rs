//! The colour of each label: the same one everywhere on a page, and for the known labels on every page.
//!
//! The colours themselves are in `page.css`, once for light and once for dark, under the class that a colour has
//! here. They are told apart without red and green, and are dark (or light) enough for text.

use super::figures::{FLOOR, NCHAN, SSECAST};

/// Colours of known labels, in the order in which they are drawn beside each other.
const KNOWN: [(&str, Color); 3] = [(SSECAST, Color("c0")), (NCHAN, Color("c2")), (FLOOR, Color("c1"))];
/// For all others, in turn.
const REST: [Color; 5] = [Color("c3"), Color("c4"), Color("c5"), Color("c6"), Color("c7")];

/// A colour, by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Color(&'static str);

impl Color {
    pub(super) fn class(self) -> &'static str {
        self.0
    }
}

/// The labels of a page.
#[derive(Clone, Debug)]
pub(super) struct Palette {
    labels: Vec<String>,
}

impl Palette {
    /// Of labels, each as often as it comes.
    pub(super) fn new<'a>(labels: impl Iterator<Item = &'a str>) -> Self {
        let mut labels: Vec<_> = labels.map(str::to_owned).collect();
        labels.sort_by_cached_key(|label| (place(label), label.clone()));
        labels.dedup();
        Self { labels }
    }

    /// Each label once, in the order in which they are drawn: ssecast first, the floor after what is compared
    /// with it, unknown ones last.
    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    pub(super) fn color(&self, label: &str) -> Color {
        if let Some((_, color)) = KNOWN.iter().find(|(known, _)| *known == label) {
            return *color;
        }
        let unknown = self.labels.iter().filter(|label| place(label) == KNOWN.len());
        let index = unknown.take_while(|other| *other != label).count();
        REST[index % REST.len()]
    }
}

fn place(label: &str) -> usize {
    KNOWN.iter().position(|(known, _)| *known == label).unwrap_or(KNOWN.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_labels_keep_their_colour_whatever_else_there_is() {
        let few = Palette::new(["floor", "ssecast"].into_iter());
        let many = Palette::new(["zzz", "floor", "aaa", "nchan", "ssecast", "floor"].into_iter());
        assert_eq!(many.labels(), ["ssecast", "nchan", "floor", "aaa", "zzz"]);
        for label in ["ssecast", "floor"] {
            assert_eq!(few.color(label), many.color(label));
        }
        let colors: Vec<_> = many.labels().iter().map(|label| many.color(label).class()).collect();
        assert_eq!(colors, ["c0", "c2", "c1", "c3", "c4"]);
    }

    #[test]
    fn more_labels_than_colours_begin_again() {
        let labels: Vec<_> = (0..12).map(|i| format!("l{i:02}")).collect();
        let palette = Palette::new(labels.iter().map(String::as_str));
        assert_eq!(palette.color("l00"), palette.color("l05"));
    }

    #[test]
    fn the_style_sheet_has_every_colour() {
        let sheet = include_str!("page.css");
        for color in KNOWN.iter().map(|(_, color)| color).chain(&REST) {
            // Light and dark.
            assert_eq!(sheet.matches(&format!("--{}:", color.class())).count(), 2, "{color:?}");
            assert!(sheet.contains(&format!(".{} ", color.class())), "{color:?}");
        }
    }
}
