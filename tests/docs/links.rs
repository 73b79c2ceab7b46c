//! Every link of the documentation to a place within the project leads there.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::common::installed::in_project;
use crate::common::page::Page;

/// Links that lead nowhere, each with its page and line.
pub(crate) fn broken(pages: &[Page]) -> Vec<String> {
    let anchors: BTreeMap<&str, &[String]> =
        pages.iter().map(|page| (page.name.as_str(), page.anchors.as_slice())).collect();
    let mut broken = Vec::new();
    for page in pages {
        for (line, link) in page.links.iter().filter(|(_, link)| is_within(link)) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = target(&page.name, path);
            let is_anchor =
                || anchors.get(target.as_str()).is_some_and(|all| all.iter().any(|one| one == anchor));
            if !in_project(&target).exists() {
                broken.push(format!("{}:{line}: {link}: there is no {target}", page.name));
            } else if !anchor.is_empty() && !is_anchor() {
                broken.push(format!("{}:{line}: {link}: {target} has no heading #{anchor}", page.name));
            }
        }
    }
    broken
}

/// Whether a link is to a place within the project.
fn is_within(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

/// The path below the project of a link on a page.
pub(crate) fn target(page: &str, path: &str) -> String {
    let from = if path.is_empty() {
        Path::new(page).to_owned()
    } else {
        Path::new(page).parent().expect("a page is in a folder").join(path)
    };
    let mut target = PathBuf::new();
    for component in from.components() {
        match component {
            Component::ParentDir => {
                target.pop();
            }
            other => target.push(other),
        }
    }
    target.to_string_lossy().into_owned()
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# A heading, with `code`\n\n# Twice\n\n# Twice\n\n[a](#a-heading-with-code) [b](#twice-1) [c](#no) \
                [d](docs/../README.md) [e](none.md) [f](https://example.com/#x) `[g](no.md)`\n";
    let expected =
        ["README.md:7: #no: README.md has no heading #no", "README.md:7: none.md: there is no none.md"];
    assert_eq!(broken(&[Page::of("README.md", text)]), expected);
}
