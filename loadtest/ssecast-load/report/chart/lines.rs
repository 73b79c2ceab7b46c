//! A line for each series, with a band around it where its runs differ, and its name at its end.

use super::callouts::{self, Callout};
use super::{Axis, NAME_PX, Size, TICK_PX, cut, stroke, text, text_px};
use crate::report::markup::{Element, coordinate, element};
use crate::report::palette::Color;
use crate::report::spread::Spread;

/// Between the end of a line and its name.
const LEADER_PX: f64 = 10.0;
/// Room for the title of the y axis, for the texts of x ticks, and for the title of the x axis.
const ABOVE_PX: f64 = 28.0;
const BELOW_PX: f64 = 24.0;
const TITLE_PX: f64 = 17.0;
/// Least room beside the plot, for half of the last text of the x axis.
const BESIDE_PX: f64 = 32.0;
/// Space of a name and of what is below it.
const NAME_HEIGHT: f64 = 17.0;
const DETAIL_HEIGHT: f64 = 15.0;

/// A chart of lines.
#[derive(Clone, Debug)]
pub(in crate::report) struct Lines {
    pub(in crate::report) x: Axis,
    pub(in crate::report) y: Axis,
    /// Those that come first are drawn above the others.
    pub(in crate::report) lines: Vec<Line>,
}

/// A line.
#[derive(Clone, Debug)]
pub(in crate::report) struct Line {
    /// Written at its end; some lines only belong to one that has a name.
    pub(in crate::report) name: Option<String>,
    /// Written below the name.
    pub(in crate::report) detail: Option<String>,
    pub(in crate::report) color: Color,
    pub(in crate::report) is_dashed: bool,
    pub(in crate::report) points: Vec<Point>,
}

/// A point of a line.
#[derive(Clone, Debug)]
pub(in crate::report) struct Point {
    pub(in crate::report) x: f64,
    pub(in crate::report) y: Spread,
    /// Shown as a dot, with this where the pointer is on it.
    pub(in crate::report) mark: Option<String>,
}

/// Where the plot is in the drawing.
struct Plot<'a> {
    lines: &'a Lines,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Lines {
    /// Its height and the content of the drawing.
    pub(super) fn draw(&self, size: Size) -> (f64, Vec<Element>) {
        let (height, letters) = match size {
            Size::Full => (320.0, 24),
            Size::Wide => (290.0, 18),
            Size::Narrow => (250.0, 14),
        };
        let ticks = self.y.ticks.iter().map(|(_, text)| text_px(text, TICK_PX));
        let beside = self.lines.iter().map(|line| LEADER_PX + line.callout_px(letters));
        let plot = Plot {
            lines: self,
            left: ticks.fold(0.0, f64::max) + 8.0,
            right: size.width() - beside.fold(BESIDE_PX, f64::max),
            top: ABOVE_PX,
            bottom: height - BELOW_PX - if self.x.title.is_empty() { 0.0 } else { TITLE_PX },
        };
        let mut content = plot.grid();
        content.extend(self.lines.iter().rev().filter_map(|line| plot.band(line)));
        content.extend(self.lines.iter().rev().map(|line| plot.line(line)));
        content.extend(plot.names(letters));
        (height, content)
    }
}

impl Line {
    fn callout_px(&self, letters: usize) -> f64 {
        let name = self.name.as_deref().map_or(0.0, |name| text_px(&cut(name, letters), NAME_PX * 1.08));
        let detail = self.detail.as_deref().map_or(0.0, |detail| text_px(detail, TICK_PX));
        name.max(detail)
    }
}

impl Plot<'_> {
    fn x(&self, value: f64) -> f64 {
        self.left + self.lines.x.scale.share(value) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - self.lines.y.scale.share(value) * (self.bottom - self.top)
    }

    fn grid(&self) -> Vec<Element> {
        let mut content = vec![
            text("axis", 0.0, 12.0, &self.lines.y.title),
            text("axis end", self.right, self.bottom + 18.0 + TITLE_PX, &self.lines.x.title),
        ];
        for (i, (value, label)) in self.lines.y.ticks.iter().enumerate() {
            let y = self.y(*value);
            let class = if i == 0 { "base" } else { "grid" };
            content.push(stroke(class, (self.left, y), (self.right, y)));
            content.push(text("tick end", self.left - 8.0, y + 4.0, label));
        }
        for (value, _) in &self.lines.x.ticks {
            let x = self.x(*value);
            content.push(stroke("grid", (x, self.bottom), (x, self.bottom + 5.0)));
        }
        content.extend(
            self.x_labels().into_iter().map(|(x, label)| text("tick middle", x, self.bottom + 18.0, label)),
        );
        content
    }

    /// Texts of the x axis that do not touch: the last one always, the others where they have room.
    fn x_labels(&self) -> Vec<(f64, &str)> {
        let mut kept: Vec<(f64, &str)> = Vec::new();
        let half = |label: &str| text_px(label, TICK_PX) / 2.0 + 3.0;
        let touch = |a: &(f64, &str), b: &(f64, &str)| a.0 + half(a.1) > b.0 - half(b.1);
        let last = self.lines.x.ticks.len().saturating_sub(1);
        for (i, (value, label)) in self.lines.x.ticks.iter().enumerate() {
            let next = (self.x(*value), label.as_str());
            while i == last && kept.len() > 1 && kept.last().is_some_and(|kept| touch(kept, &next)) {
                kept.pop();
            }
            if kept.last().is_none_or(|kept| !touch(kept, &next)) {
                kept.push(next);
            }
        }
        kept
    }

    fn band(&self, line: &Line) -> Option<Element> {
        let points = &line.points;
        if points.len() < 2 || !points.iter().any(|point| point.y.is_wide()) {
            return None;
        }
        let above = points.iter().map(|point| (point.x, point.y.max));
        let below = points.iter().rev().map(|point| (point.x, point.y.min));
        let path = self.path(above.chain(below)) + "Z";
        Some(element("path").class(format!("band {}", line.color.class())).with("d", path))
    }

    fn line(&self, line: &Line) -> Element {
        let dash = if line.is_dashed { " dashed" } else { "" };
        let path = self.path(line.points.iter().map(|point| (point.x, point.y.median)));
        let dots = line.points.iter().filter_map(|point| {
            let dot = element("circle")
                .class("dot")
                .at("cx", self.x(point.x))
                .at("cy", self.y(point.y.median))
                .at("r", 3.0);
            // The circle is too small for a finger or an unsteady hand.
            let target = element("circle")
                .class("target")
                .at("cx", self.x(point.x))
                .at("cy", self.y(point.y.median))
                .at("r", 9.0);
            let title = element("title").text(point.mark.clone()?);
            Some(element("g").child(dot).child(target).child(title))
        });
        element("g")
            .class(line.color.class())
            .child(element("path").class(format!("line{dash}")).with("d", path))
            .children(dots)
    }

    fn path(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in points {
            path.push(if path.is_empty() { 'M' } else { 'L' });
            path.push_str(&format!("{} {}", coordinate(self.x(x)), coordinate(self.y(y))));
        }
        path
    }

    /// Names at the ends of the lines, tied to them where they had to move.
    fn names(&self, letters: usize) -> Vec<Element> {
        let named: Vec<_> = self
            .lines
            .lines
            .iter()
            .filter_map(|line| Some((line, line.name.as_deref()?, line.points.last()?)))
            .collect();
        let wanted: Vec<_> = named
            .iter()
            .map(|(line, _, end)| Callout {
                y: self.y(end.y.median),
                height: NAME_HEIGHT + if line.detail.is_some() { DETAIL_HEIGHT } else { 0.0 },
            })
            .collect();
        let middles = callouts::arrange(&wanted, self.top - 8.0, self.bottom + 4.0);
        let mut content = Vec::new();
        for (((line, name, end), wanted), middle) in named.into_iter().zip(wanted).zip(middles) {
            let from = (self.x(end.x) + 2.0, wanted.y);
            let to = (self.right + LEADER_PX - 2.0, middle);
            content.push(stroke(&format!("leader {}", line.color.class()), from, to));
            let (x, y) = (self.right + LEADER_PX, middle - wanted.height / 2.0);
            let mut label = text(&format!("name {}", line.color.class()), x, y + 13.0, cut(name, letters));
            if name.chars().count() > letters {
                label = label.child(element("title").text(name));
            }
            content.push(label);
            content
                .extend(line.detail.as_ref().map(|detail| text("tick", x, y + NAME_HEIGHT + 10.0, detail)));
        }
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::Palette;
    use crate::report::scale::Scale;
    use crate::report::units::number;

    fn lines(names: &[&str], ticks: Vec<f64>) -> Lines {
        let palette = Palette::new(names.iter().copied());
        let line = |name: &&str| Line {
            name: Some((*name).to_owned()),
            detail: None,
            color: palette.color(name),
            is_dashed: false,
            points: [1.0, 2.0]
                .map(|x| Point { x, y: Spread { median: x, min: x / 2.0, max: x, runs: 2 }, mark: None })
                .to_vec(),
        };
        Lines {
            x: Axis::with_ticks(Scale::within(2.0), "streams", ticks, number),
            y: Axis::new(Scale::from_zero(2.0), "ms", number),
            lines: names.iter().map(line).collect(),
        }
    }

    fn written(lines: &Lines, size: Size) -> String {
        lines.draw(size).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_line_has_a_band_and_its_name() {
        let drawing = written(&lines(&["ssecast", "floor"], vec![1.0, 2.0]), Size::Wide);
        assert_eq!(drawing.matches("class=\"line\"").count(), 2);
        assert_eq!(drawing.matches("class=\"band ").count(), 2);
        assert!(drawing.contains(">ssecast</text>") && drawing.contains(">floor</text>"), "{drawing}");
    }

    #[test]
    fn a_name_without_room_is_cut_and_shown_by_the_pointer() {
        let name = "a-server-with-a-long-name";
        let drawing = written(&lines(&[name], vec![1.0]), Size::Narrow);
        assert!(drawing.contains(">a-server-with…<title>a-server-with-a-long-name</title>"), "{drawing}");
    }

    #[test]
    fn ticks_without_room_are_not_written() {
        let lines = lines(&["floor"], vec![0.0, 0.01, 0.02, 1.0, 1.99, 2.0]);
        let drawing = written(&lines, Size::Narrow);
        let texts = ["0", "0.01", "0.02", "1", "1.99", "2"]
            .map(|text| drawing.contains(&format!("y=\"227\">{text}<")));
        assert_eq!(texts, [true, false, false, true, false, true], "{drawing}");
    }
}
