//! Charts: what they show, apart from how large they are drawn.
//!
//! A drawing has fixed pixels and does not shrink: letters would shrink with it. So a chart is drawn once for
//! each size that it may be shown in, and the style sheet shows the one that fits.

use super::markup::{Element, element};
use super::scale::Scale;

mod bars;
mod callouts;
mod lines;

pub(super) use bars::{Bar, Bars, Group};
pub(super) use lines::{Line, Lines, Point};

/// Pixels of a letter, on average, by the size of the letters.
const LETTER_SHARE: f64 = 0.58;
/// Letters of ticks, as in the style sheet.
const TICK_PX: f64 = 12.0;
/// Letters of names, as in the style sheet.
const NAME_PX: f64 = 13.0;

/// How large a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Across a page on a desk.
    Full,
    /// Beside another, or across a page in the hand held sideways.
    Wide,
    /// On a phone.
    Narrow,
}

impl Size {
    fn width(self) -> f64 {
        match self {
            Self::Full => 1_080.0,
            Self::Wide => 508.0,
            Self::Narrow => 326.0,
        }
    }

    /// In the style sheet.
    fn class(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// A scale and what is written along it.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    /// Its unit, or what it counts.
    pub(super) title: String,
    /// Ticks with their texts.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Ticks are those of the scale.
    pub(super) fn new(scale: Scale, title: &str, text: impl Fn(f64) -> String) -> Self {
        let ticks = scale.ticks().to_vec();
        Self::with_ticks(scale, title, ticks, text)
    }

    pub(super) fn with_ticks(
        scale: Scale,
        title: &str,
        ticks: Vec<f64>,
        text: impl Fn(f64) -> String,
    ) -> Self {
        let ticks = ticks.into_iter().map(|tick| (tick, text(tick))).collect();
        Self { scale, title: title.to_owned(), ticks }
    }
}

/// A chart of either kind.
#[derive(Clone, Debug)]
pub(super) enum Chart {
    Lines(Lines),
    Bars(Bars),
}

impl Chart {
    /// The drawing, with what it shows in words for those who do not see it. `id` is its own on the page.
    pub(super) fn draw(&self, size: Size, id: &str, title: &str, description: &str) -> Element {
        let (height, content) = match self {
            Self::Lines(lines) => lines.draw(size),
            Self::Bars(bars) => bars.draw(size),
        };
        let id = format!("{id}-{}", size.class());
        element("svg")
            .class(size.class())
            .with("viewBox", format!("0 0 {} {}", size.width(), height.ceil()))
            .with("preserveAspectRatio", "xMinYMin")
            .with("role", "img")
            .with("aria-labelledby", format!("{id}-t {id}-d"))
            .child(element("title").with("id", format!("{id}-t")).text(title))
            .child(element("desc").with("id", format!("{id}-d")).text(description))
            .children(content)
    }
}

/// A straight line.
fn stroke(class: &str, from: (f64, f64), to: (f64, f64)) -> Element {
    element("line").class(class).at("x1", from.0).at("y1", from.1).at("x2", to.0).at("y2", to.1)
}

/// Text that begins at `x`, or ends there or has its middle there as `class` says.
fn text(class: &str, x: f64, y: f64, text: impl Into<String>) -> Element {
    element("text").class(class).at("x", x).at("y", y).text(text)
}

/// About how wide a text is.
fn text_px(text: &str, letter_px: f64) -> f64 {
    text.chars().count() as f64 * letter_px * LETTER_SHARE
}

/// A text in so many letters at most.
fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(letters.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_letters() {
        assert_eq!(cut("floor", 5), "floor");
        assert_eq!(cut("flöör-x", 5), "flöö…");
    }

    #[test]
    fn sizes_are_in_the_style_sheet() {
        let sheet = include_str!("../page.css");
        for size in [Size::Full, Size::Wide, Size::Narrow] {
            assert!(sheet.contains(&format!("svg.{}", size.class())), "{size:?}");
        }
    }
}
