//! The live page: its files as they are served, written by hand and built into the binary.
//!
//! There is no build step and nothing is loaded from elsewhere. The page puts what it is sent on the screen as text
//! only, never as markup; `api::page` has browsers enforce that.

use crate::id::Fingerprint;

/// One file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What it is.
    pub body: &'static str,
}

/// What `GET /` answers.
pub static INDEX: Asset = Asset { path: "/", content_type: HTML, body: include_str!("index.html") };

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of this folder, in a folder of the same name.
macro_rules! asset {
    ($type:expr, $name:literal) => {
        Asset { path: concat!("/page/", $name), content_type: $type, body: include_str!($name) }
    };
}

/// What the index asks for.
static FILES: &[Asset] = &[
    asset!(SVG, "icon.svg"),
    asset!(CSS, "page.css"),
    asset!(SCRIPT, "theme.js"),
    asset!(SCRIPT, "page.js"),
    asset!(SCRIPT, "api.js"),
    asset!(SCRIPT, "stream.js"),
    asset!(SCRIPT, "connection.js"),
    asset!(SCRIPT, "events.js"),
    asset!(SCRIPT, "row.js"),
    asset!(SCRIPT, "json.js"),
    asset!(SCRIPT, "recent.js"),
    asset!(SCRIPT, "stats.js"),
    asset!(SCRIPT, "chart.js"),
    asset!(SCRIPT, "publish.js"),
    asset!(SCRIPT, "diagnose.js"),
    asset!(SCRIPT, "verdict.js"),
    asset!(SCRIPT, "dom.js"),
];

/// The file at this path, compared byte for byte; not the index.
#[must_use]
pub fn find(path: &str) -> Option<&'static Asset> {
    FILES.iter().find(|asset| asset.path == path)
}

impl Asset {
    /// The entity tag (RFC 9110 section 8.8.3): another version has another one.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("\"{}\"", Fingerprint::of(self.body.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every file that the page asks for is there, and every file that is there is asked for.
    #[test]
    fn the_page_asks_for_its_files_and_for_nothing_else() {
        for asset in FILES {
            let name = asset.path.strip_prefix("/page/").unwrap();
            assert!(INDEX.body.contains(&format!("\"{}\"", asset.path)), "{name} is not in the index");
            for import in asset.body.lines().filter(|line| line.starts_with("import ")) {
                let from = import.split('"').nth(1).unwrap();
                let path = from.replacen("./", "/page/", 1);
                assert!(find(&path).is_some(), "{name} imports {from}");
            }
        }
        for asset in FILES.iter().chain([&INDEX]) {
            let elsewhere = asset.body.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("://"), "{} names another place", asset.path);
        }
    }

    /// What would turn text into markup or code, or be refused by the policy anyway.
    #[test]
    fn nothing_on_the_page_makes_markup_of_text() {
        let ways = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "srcdoc",
        ];
        for asset in FILES.iter().chain([&INDEX]) {
            for way in ways.iter().chain(&["style=", " onclick=", "javascript:"]) {
                assert!(!asset.body.contains(way), "{} has {way}", asset.path);
            }
        }
    }

    #[test]
    fn a_tag_stands_for_the_content() {
        let tags: Vec<String> = FILES.iter().chain([&INDEX]).map(Asset::tag).collect();
        assert!(tags.iter().all(|tag| tag.len() == 18), "{tags:?}");
        let mut distinct = tags.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), tags.len());
    }
}
