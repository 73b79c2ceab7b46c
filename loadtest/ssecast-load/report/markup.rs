//! Elements of the page and its drawings, as a tree that is written at the end.
//!
//! Markup never comes in as text: names of elements and attributes are constants, everything else is a text or
//! a value and is escaped when it is written. So the page is balanced whatever a file holds.

use std::fmt::{self, Display, Formatter};

/// Elements without content, which HTML or SVG lets close themselves.
const EMPTY: [&str; 7] = ["meta", "link", "path", "line", "rect", "circle", "polyline"];
/// Elements beside which white space shows.
const INLINE: [&str; 4] = ["b", "span", "text", "tspan"];

/// An element with what it holds.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Element(Element),
    Text(String),
    /// A style sheet, which HTML wants as it is.
    Style(&'static str),
}

/// An element without attributes or content.
pub(super) fn element(name: &'static str) -> Element {
    Element { name, attributes: Vec::new(), children: Vec::new() }
}

impl Element {
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    pub(super) fn class(self, class: impl Display) -> Self {
        self.with("class", class)
    }

    /// A coordinate or length, in pixels of the drawing.
    pub(super) fn at(self, name: &'static str, px: f64) -> Self {
        let px = coordinate(px);
        self.with(name, px)
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    pub(super) fn style(mut self, sheet: &'static str) -> Self {
        self.children.push(Node::Style(sheet));
        self
    }
}

/// A coordinate to a tenth of a pixel; what is no number lies at 0.
pub(super) fn coordinate(px: f64) -> String {
    let px = if px.is_finite() { px } else { 0.0 };
    let text = format!("{px:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

impl Display for Element {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, attributes, children } = self;
        write!(out, "<{name}")?;
        for (attribute, value) in attributes {
            write!(out, " {attribute}=\"{}\"", Escaped(value))?;
        }
        if EMPTY.contains(name) {
            out.write_str("/>")?;
        } else {
            out.write_str(">")?;
            for child in children {
                match child {
                    Node::Element(child) => child.fmt(out)?,
                    Node::Text(text) => Escaped(text).fmt(out)?,
                    Node::Style(sheet) => out.write_str(sheet)?,
                }
            }
            write!(out, "</{name}>")?;
        }
        if INLINE.contains(name) { Ok(()) } else { out.write_str("\n") }
    }
}

/// Text without markup; control characters, which no XML may hold, become U+FFFD.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        self.0.chars().try_for_each(|c| match c {
            '&' => out.write_str("&amp;"),
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '"' => out.write_str("&quot;"),
            '\'' => out.write_str("&#39;"),
            '\n' | '\t' => out.write_char(' '),
            '\u{fffe}' | '\u{ffff}' => out.write_char('\u{fffd}'),
            c if c.is_control() => out.write_char('\u{fffd}'),
            c => out.write_char(c),
        })
    }
}

/// Whether every element of a page is closed in turn; panics where one is not.
#[cfg(test)]
pub(super) fn assert_balanced(page: &str) {
    let mut open = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap_or(page);
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap_or_else(|| panic!("{}", &rest[start..]));
        let tag = &rest[start + 1..end];
        assert!(!rest[..start].contains('>'), "a bare > before <{tag}>");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        assert!(!tag.contains('<'), "<{tag}>");
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "before {:.60}", rest);
        } else if !tag.ends_with('/') {
            let name = tag.split(' ').next().unwrap_or_default();
            open.push(name.to_owned());
            // The style sheet is not markup.
            if name == "style" {
                rest = &rest[rest.find("</style>").expect("the style sheet ends")..];
            }
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_close() {
        let tree = element("p").class("a").text("x ").child(element("b").text("y")).child(element("path"));
        assert_eq!(tree.to_string(), "<p class=\"a\">x <b>y</b><path/>\n</p>\n");
        assert_balanced(&tree.to_string());
    }

    #[test]
    fn hostile_text_is_text() {
        let hostile = "</svg><script>alert('1\" & \u{0}\u{1b}\u{85}')</script>\n<!--";
        let written = element("p").with("title", hostile).text(hostile).to_string();
        assert!(!written.contains("<script") && !written.contains("<!--"), "{written}");
        assert_eq!(written.matches('"').count(), 2, "{written}");
        assert_eq!(written.matches('\u{fffd}').count(), 6, "{written}");
        assert_balanced(&written);
    }

    #[test]
    fn coordinates_are_short_and_numbers() {
        let of = |px| coordinate(px);
        assert_eq!((of(12.0).as_str(), of(12.34).as_str()), ("12", "12.3"));
        assert_eq!((of(f64::NAN).as_str(), of(f64::NEG_INFINITY).as_str()), ("0", "0"));
    }

    #[test]
    #[should_panic(expected = "before")]
    fn what_is_not_balanced_is_found() {
        assert_balanced("<p><b></p></b>");
    }
}
