//! Bars in groups: a bar for each label of a case, with its value, and a whisker over what its runs gave.

use super::{Axis, NAME_PX, Size, TICK_PX, cut, stroke, text, text_px};
use crate::report::markup::{Element, element};
use crate::report::palette::Color;
use crate::report::spread::Spread;

/// Room for the name of a group, for each line of it more, and between groups.
const HEAD_PX: f64 = 22.0;
const HEAD_LINE_PX: f64 = 17.0;
const GAP_PX: f64 = 12.0;
/// Room for the texts of the axis.
const AXIS_PX: f64 = 24.0;

/// A chart of bars.
#[derive(Clone, Debug)]
pub(in crate::report) struct Bars {
    pub(in crate::report) axis: Axis,
    pub(in crate::report) groups: Vec<Group>,
}

/// Bars that are compared.
#[derive(Clone, Debug)]
pub(in crate::report) struct Group {
    pub(in crate::report) name: String,
    pub(in crate::report) bars: Vec<Bar>,
}

/// A bar.
#[derive(Clone, Debug)]
pub(in crate::report) struct Bar {
    pub(in crate::report) name: String,
    pub(in crate::report) color: Color,
    pub(in crate::report) value: Spread,
    /// The value in words.
    pub(in crate::report) text: String,
    /// What is written after it, with less weight.
    pub(in crate::report) note: String,
    /// Shown where the pointer is on it.
    pub(in crate::report) hint: String,
}

/// Where bars begin and end, and how a row is divided.
struct Layout {
    left: f64,
    right: f64,
    width: f64,
    row_px: f64,
    /// Of the bar in its row.
    bar_top: f64,
    bar_px: f64,
    /// Whether name and value have a line above the bar, and not the space beside it.
    is_stacked: bool,
    letters: usize,
}

impl Bars {
    /// Its height and the content of the drawing.
    pub(super) fn draw(&self, size: Size) -> (f64, Vec<Element>) {
        let layout = self.layout(size);
        let mut content = Vec::new();
        let mut y = -GAP_PX;
        for group in &self.groups {
            y += GAP_PX;
            for line in folded(&group.name, layout.width) {
                content.push(text("group", 0.0, y + 13.0, line));
                y += HEAD_LINE_PX;
            }
            y += HEAD_PX - HEAD_LINE_PX;
            content.extend(self.grid(&layout, y, y + layout.row_px * group.bars.len() as f64));
            for bar in &group.bars {
                content.push(self.bar(bar, &layout, y));
                y += layout.row_px;
            }
        }
        content.extend(self.ticks(&layout, y + 17.0));
        (y + AXIS_PX, content)
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.groups.iter().flat_map(|group| &group.bars)
    }

    fn layout(&self, size: Size) -> Layout {
        let width = size.width();
        if size == Size::Narrow {
            let (row_px, bar_top, bar_px) = (36.0, 19.0, 10.0);
            let right = width - 8.0;
            return Layout {
                left: 1.0,
                right,
                width,
                row_px,
                bar_top,
                bar_px,
                is_stacked: true,
                letters: 16,
            };
        }
        let letters = 20;
        let name_px = |bar: &Bar| text_px(&cut(&bar.name, letters), NAME_PX * 1.05);
        let left = self.bars().map(name_px).fold(0.0, f64::max) + 12.0;
        // As far to the right as the value of every bar still fits behind it.
        let right = self.bars().map(|bar| {
            let value_px = text_px(&bar.text, NAME_PX * 1.05) + 18.0 + text_px(&bar.note, TICK_PX);
            let share = self.axis.scale.share(bar.value.median.max(bar.value.max));
            left + (width - value_px - left) / share.max(0.05)
        });
        Layout {
            left,
            right: right.fold(width - 24.0, f64::min),
            width,
            row_px: 23.0,
            bar_top: 3.0,
            bar_px: 15.0,
            is_stacked: false,
            letters,
        }
    }

    /// Lines of the scale behind the bars of a group.
    fn grid(&self, layout: &Layout, top: f64, bottom: f64) -> impl Iterator<Item = Element> {
        self.axis.ticks.iter().enumerate().map(move |(i, (value, _))| {
            let x = self.x(layout, *value);
            stroke(if i == 0 { "base" } else { "grid" }, (x, top), (x, bottom))
        })
    }

    /// Texts of the scale: all of them, or every second or third where they would touch.
    fn ticks(&self, layout: &Layout, y: f64) -> Vec<Element> {
        let place = |(value, label): &(f64, String)| {
            let half = text_px(label, TICK_PX) / 2.0;
            // The first and the last one would be cut off at the edge.
            (self.x(layout, *value).min(layout.width - half).max(half), half, label.clone())
        };
        let placed: Vec<_> = self.axis.ticks.iter().map(place).collect();
        let fits = |stride: &usize| {
            let kept: Vec<_> = placed.iter().step_by(*stride).collect();
            kept.windows(2).all(|pair| pair[0].0 + pair[0].1 + 6.0 < pair[1].0 - pair[1].1)
        };
        let stride = (1..placed.len()).find(fits).unwrap_or(placed.len().max(1));
        placed.into_iter().step_by(stride).map(|(x, _, label)| text("tick middle", x, y, label)).collect()
    }

    fn x(&self, layout: &Layout, value: f64) -> f64 {
        layout.left + self.axis.scale.share(value) * (layout.right - layout.left)
    }

    fn bar(&self, bar: &Bar, layout: &Layout, y: f64) -> Element {
        let end = self.x(layout, bar.value.median);
        let (least, most) = (self.x(layout, bar.value.min), self.x(layout, bar.value.max));
        let top = y + layout.bar_top;
        let middle = top + layout.bar_px / 2.0;
        let shape = element("rect")
            .class("bar")
            .at("x", layout.left)
            .at("y", top)
            .at("width", (end - layout.left).max(1.0))
            .at("height", layout.bar_px)
            .at("rx", 2.0);
        let mut content = vec![shape];
        if bar.value.is_wide() {
            let cap = |x| stroke("whisker", (x, middle - 3.5), (x, middle + 3.5));
            content.push(stroke("whisker", (least, middle), (most, middle)));
            content.extend([cap(least), cap(most)]);
        }
        let note = element("tspan").class("note").with("dx", if bar.note.is_empty() { 0 } else { 8 });
        let note = note.text(&bar.note);
        let name = cut(&bar.name, layout.letters);
        if layout.is_stacked {
            content.push(text("name", layout.left, y + 13.0, name));
            let value = text("value end", layout.right, y + 13.0, &bar.text);
            content.push(value.child(note));
        } else {
            content.push(text("name end", layout.left - 8.0, middle + 4.5, name));
            content.push(text("value", end.max(most) + 8.0, middle + 4.5, &bar.text).child(note));
        }
        content.push(element("title").text(&bar.hint));
        element("g").class(bar.color.class()).children(content)
    }
}

/// The name of a group in lines that fit, broken between its parts.
fn folded(name: &str, width: f64) -> Vec<String> {
    const PARTS: &str = " · ";
    let mut lines: Vec<String> = Vec::new();
    for part in name.split(PARTS) {
        match lines.last_mut() {
            Some(line) if text_px(line, NAME_PX) + text_px(part, NAME_PX) + 20.0 < width => {
                line.push_str(PARTS);
                line.push_str(part);
            }
            _ => lines.push(cut(part, (width / text_px("n", NAME_PX)) as usize)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::Palette;
    use crate::report::scale::Scale;
    use crate::report::units::number;

    fn bars(value: Spread) -> Bars {
        let palette = Palette::new(["ssecast"].into_iter());
        let bar = Bar {
            name: "ssecast".to_owned(),
            color: palette.color("ssecast"),
            value,
            text: "4 µs".to_owned(),
            note: String::new(),
            hint: "all of it".to_owned(),
        };
        Bars {
            axis: Axis::new(Scale::from_zero(value.max), "µs", number),
            groups: vec![Group { name: "fanout".to_owned(), bars: vec![bar] }],
        }
    }

    fn written(bars: &Bars, size: Size) -> String {
        bars.draw(size).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_bar_has_name_value_and_whisker() {
        let value = Spread { median: 4.0, min: 3.0, max: 5.0, runs: 3 };
        for size in [Size::Full, Size::Wide, Size::Narrow] {
            let drawing = written(&bars(value), size);
            for part in ["class=\"bar\"", ">ssecast</text>", ">4 µs<", ">fanout</text>", "<title>all of it<"]
            {
                assert!(drawing.contains(part), "{part} in {drawing}");
            }
            assert_eq!(drawing.matches("whisker").count(), 3);
        }
    }

    #[test]
    fn a_long_name_of_a_group_is_folded_between_its_parts() {
        assert_eq!(folded("soak: 5 streams · 1 stalled", 400.0), ["soak: 5 streams · 1 stalled"]);
        assert_eq!(folded("soak: 5 streams · 1 stalled", 150.0), ["soak: 5 streams", "1 stalled"]);
        assert_eq!(folded(&"n".repeat(100), 76.0), ["nnnnnnnnn…"]);
    }

    #[test]
    fn ticks_that_would_touch_are_left_out_evenly() {
        let mut bars = bars(Spread::once(5.0));
        bars.axis = Axis::new(Scale::from_zero(5.0), "", |value| format!("{value} of something long"));
        let drawing = written(&bars, Size::Wide);
        let shown = [0, 1, 2, 3, 4, 5].map(|tick| drawing.contains(&format!(">{tick} of something")));
        assert_eq!(shown, [true, false, true, false, true, false], "{drawing}");
    }

    #[test]
    fn one_run_has_no_whisker_and_nothing_is_shorter_than_a_pixel() {
        let drawing = written(&bars(Spread::once(-4.0)), Size::Wide);
        assert!(!drawing.contains("whisker"), "{drawing}");
        assert!(drawing.contains("width=\"1\""), "{drawing}");
    }
}
