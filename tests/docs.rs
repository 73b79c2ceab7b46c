//! The documentation does what it says: every command in it is run, every configuration is read, every link leads
//! somewhere.
//!
//! How a block is run is said by a comment above it; docs/README.md explains that to writers. A block of commands
//! without one is a failure, and what is skipped is listed with its reason.

mod common;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/marker.rs"]
mod marker;
#[path = "docs/printed.rs"]
mod printed;
#[path = "docs/session.rs"]
mod session;

use std::fs;

use common::dir::TestDir;
use common::installed::in_project;
use common::page::{Block, Page};
use common::server::Setup;
use marker::Marker;
use session::{Failure, Session};

/// Blocks in these languages are commands.
const COMMANDS: [&str; 4] = ["sh", "bash", "shell", "console"];
/// Blocks in these languages are programs or configurations: some test has to run them, or a reason stands there.
const PROGRAMS: [&str; 12] = [
    "js",
    "html",
    "python",
    "rust",
    "go",
    "java",
    "csharp",
    "nginx",
    "haproxy",
    "caddy",
    "caddyfile",
    "dockerfile",
];
/// Where the table of contents is.
const CONTENTS: &str = "docs/README.md";

/// The pages whose commands are run: what a user reads, not how the program is measured.
fn pages() -> Vec<Page> {
    let is_for_users = |name: &str| !name.contains('/') || name.starts_with("docs/");
    Page::all().into_iter().filter(|page| is_for_users(&page.name)).collect()
}

/// The marker of a block that has to have one.
fn read_marker(block: &Block) -> Result<Option<Marker>, Failure> {
    let language = block.language.as_str();
    match &block.marker {
        Some(text) => Marker::read(text).map(Some).map_err(|unknown| unknown.to_string()),
        None if COMMANDS.contains(&language) || PROGRAMS.contains(&language) => Err(format!(
            "no `<!-- test: … -->` stands above this block of {language}; {CONTENTS} lists what may stand there"
        )),
        None => Ok(None),
    }
}

/// That the test named by a marker asks for the block by its name.
fn check_named(page: &Page, test: &str, name: &str) -> Result<(), Failure> {
    let folder = in_project(test.trim_end_matches(".rs"));
    let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let source: String = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .chain([in_project(test)])
        .map(|path| fs::read_to_string(&path).unwrap_or_default())
        .collect();
    let asks = [format!("\"{}\"", page.name), format!("\"{name}\"")].iter().all(|text| source.contains(text));
    if asks { Ok(()) } else { Err(format!("{test} does not ask {} for {name:?}", page.name)) }
}

/// Runs a block as its marker says; adds to `skipped` where it is not run.
fn run(page: &Page, block: &Block, session: &mut Session, skipped: &mut Vec<String>) -> Result<(), Failure> {
    match read_marker(block)? {
        Some(Marker::Run(run)) => session.run(block, run),
        Some(Marker::Followed) => session.followed(&block.text),
        Some(Marker::By { test, name }) => check_named(page, &test, &name),
        Some(Marker::Skip(reason)) => {
            skipped.push(format!("SKIPPED: {}:{}: {reason}", page.name, block.line));
            Ok(())
        }
        None => Ok(()),
    }
}

#[test]
fn every_command_of_the_documentation_works() {
    let (mut failures, mut skipped, mut count) = (Vec::new(), Vec::new(), 0);
    for page in pages() {
        let mut session = Session::new();
        for block in &page.blocks {
            if block.language == "toml" {
                continue;
            }
            count += usize::from(block.marker.is_some());
            if let Err(failure) = run(&page, block, &mut session, &mut skipped) {
                failures.push(format!("{}:{}: {failure}\n--- of\n{}", page.name, block.line, block.text));
            }
        }
    }
    eprintln!("{count} blocks, of which {} were skipped", skipped.len());
    for line in skipped {
        eprintln!("{line}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_configuration_of_the_documentation_is_read() {
    let dir = TestDir::new("docs");
    let (mut failures, mut count) = (Vec::new(), 0);
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.language == "toml") {
            if let Some(Marker::Skip(reason)) =
                read_marker(block).unwrap_or_else(|failure| panic!("{failure}"))
            {
                eprintln!("SKIPPED: {}:{}: {reason}", page.name, block.line);
                continue;
            }
            count += 1;
            let path = dir.write("ssecast.toml", &block.text);
            let checked = Setup::bare().arg("check").arg("--config").arg(&path.to_string_lossy()).run();
            if checked.code != Some(0) {
                failures.push(format!("{}:{}: {}\n{}", page.name, block.line, checked.stderr, block.text));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 0, "no page has a configuration");
}

#[test]
fn every_link_leads_somewhere() {
    let broken = links::broken(&Page::all());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Every page of `docs` is in the table, and the README leads there.
#[test]
fn the_table_of_contents_is_complete() {
    let leads = |page: &Page| -> Vec<String> {
        page.links
            .iter()
            .map(|(_, link)| links::target(&page.name, link.split('#').next().unwrap_or(link)))
            .collect()
    };
    let listed = leads(&Page::open(CONTENTS));
    let missing: Vec<String> = Page::all()
        .into_iter()
        .map(|page| page.name)
        .filter(|name| name.starts_with("docs/") && name != CONTENTS && !listed.contains(name))
        .collect();
    assert!(missing.is_empty(), "{CONTENTS} does not list {missing:?}");
    assert!(leads(&Page::open("README.md")).contains(&CONTENTS.to_owned()), "README.md does not link to it");
}
