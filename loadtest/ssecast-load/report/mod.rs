//! What many runs came to: a table of figures, and a page of charts.
//!
//! The charts are drawn here, with no crate for it: the generator is built with the server, and a library for
//! charts has no business among the server's dependencies. `markup` writes elements, `scale` and `chart` place
//! them, `section` picks what is shown, and `page` puts it together.

use std::fs;
use std::io;
use std::path::Path;

use crate::args::ReportOptions;
use page::Heading;
use runs::Runs;

mod case;
mod chart;
mod figure;
mod figures;
mod markup;
mod page;
mod palette;
mod results;
mod runs;
mod scale;
mod section;
mod spread;
mod table;
mod units;

/// Prints the table of figures, and writes the page where one is asked for.
pub(crate) fn write(options: &ReportOptions) -> io::Result<()> {
    figures::write(options)?;
    options.html.as_deref().map_or(Ok(()), |path| write_page(options, path))
}

fn write_page(options: &ReportOptions, path: &Path) -> io::Result<()> {
    let runs = Runs::new(results::read(&options.results)?);
    // Not the paths: they are nobody's business but that of the machine where it was measured.
    let names = options.results.iter().filter_map(|path| path.file_name());
    let sources: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let heading = Heading { title: &options.title, notes: &options.notes, sources: &sources };
    fs::write(path, page::page(&heading, &runs))
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}
