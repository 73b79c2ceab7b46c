//! A page of the documentation: its fenced blocks with the markers above them, its headings, its links.
//!
//! docs/README.md says what a marker is. Nothing here runs anything.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::installed::in_project;

/// What a marker begins with, within an HTML comment.
const MARKER: &str = "test:";
/// Folders that hold no pages of this project.
const FOREIGN: [&str; 3] = ["target", "node_modules", ".git"];

/// A page.
pub(crate) struct Page {
    /// Its path below the project, as a reader writes it.
    pub(crate) name: String,
    /// Its fenced blocks, in order.
    pub(crate) blocks: Vec<Block>,
    /// Where its links lead, with their lines.
    pub(crate) links: Vec<(usize, String)>,
    /// What `#…` may follow its name.
    pub(crate) anchors: Vec<String>,
}

/// A fenced block.
pub(crate) struct Block {
    /// The line of its fence.
    pub(crate) line: usize,
    /// The word after the fence; empty where there is none.
    pub(crate) language: String,
    /// What the comment right above it says after `test:`.
    pub(crate) marker: Option<String>,
    /// What it holds.
    pub(crate) text: String,
}

impl Page {
    /// A page by its path below the project.
    pub(crate) fn open(name: &str) -> Self {
        let text = fs::read_to_string(in_project(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self::of(name, &text)
    }

    /// All pages of the project, by name.
    pub(crate) fn all() -> Vec<Self> {
        let (mut names, root) = (Vec::new(), in_project(""));
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for path in entries(&folder) {
                let is_foreign = path.file_name().is_some_and(|name| FOREIGN.iter().any(|one| name == *one));
                if path.is_dir() && !is_foreign {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "md") {
                    let below = path.strip_prefix(&root).expect("it was found below");
                    names.push(below.to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        names.iter().map(|name| Self::open(name)).collect()
    }

    /// A page of this text.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        let mut reader = Reader { text, page: Self::empty(name), comment: None, inside: Inside::Nothing };
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            reader.take(event, range);
        }
        reader.page
    }

    fn empty(name: &str) -> Self {
        Self { name: name.to_owned(), blocks: Vec::new(), links: Vec::new(), anchors: Vec::new() }
    }

    /// The block that the marker `test: BY NAME` gives to a test.
    pub(crate) fn example(&self, by: &str, name: &str) -> &Block {
        let marker = format!("{by} {name}");
        let mut found = self.blocks.iter().filter(|block| block.marker.as_ref() == Some(&marker));
        let block = found.next().unwrap_or_else(|| panic!("no block of {} is marked {marker:?}", self.name));
        assert!(found.next().is_none(), "two blocks of {} are marked {marker:?}", self.name);
        block
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the project can be read");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// What the text that comes belongs to.
enum Inside {
    Nothing,
    /// A fenced block.
    Block(Block),
    /// An HTML comment.
    Html(String),
    /// A heading.
    Heading(String),
}

/// Goes over a page from its top.
struct Reader<'a> {
    text: &'a str,
    page: Page,
    /// The last HTML that came, if nothing else came since.
    comment: Option<String>,
    inside: Inside,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        let line = self.text[..range.start].matches('\n').count() + 1;
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split_whitespace().next().unwrap_or_default().to_owned()
                    }
                    CodeBlockKind::Indented => String::new(),
                };
                let marker = self.comment.take().and_then(|comment| marker(&comment));
                self.inside = Inside::Block(Block { line, language, marker, text: String::new() });
            }
            Event::Start(Tag::HtmlBlock) => self.inside = Inside::Html(String::new()),
            Event::Start(Tag::Heading { .. }) => self.inside = Inside::Heading(String::new()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.page.links.push((line, dest_url.into_string()));
            }
            Event::Text(text) | Event::Code(text) | Event::Html(text) => match &mut self.inside {
                Inside::Block(Block { text: into, .. }) | Inside::Html(into) | Inside::Heading(into) => {
                    into.push_str(&text);
                }
                Inside::Nothing => self.comment = None,
            },
            Event::End(TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::Heading(_)) => self.close(),
            _ => {}
        }
    }

    fn close(&mut self) {
        match std::mem::replace(&mut self.inside, Inside::Nothing) {
            Inside::Block(block) => self.page.blocks.push(block),
            Inside::Html(html) => self.comment = Some(html),
            Inside::Heading(text) => {
                let slug = slug(&text);
                let earlier = self.page.anchors.iter().filter(|anchor| **anchor == slug).count();
                self.page.anchors.push(slug.clone());
                if earlier > 0 {
                    self.page.anchors.push(format!("{slug}-{earlier}"));
                }
            }
            Inside::Nothing => {}
        }
    }
}

/// What `<!-- test: … -->` says.
fn marker(html: &str) -> Option<String> {
    let inner = html.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
    Some(inner.trim().strip_prefix(MARKER)?.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The anchor of a heading, as code hosts make it: letters, digits, `_` and `-` in lower case, `-` for a space.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}
