//! `ssecast man`: manual pages, made from the command line's own description and from the texts of `--help`.

use std::io;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::help::{ALL, Help, MAN, PROGRAM};

/// The command.
pub(super) fn command() -> Command {
    let commands = PossibleValuesParser::new(ALL.map(|help| help.name));
    let about = "The command whose page it is; without it, that of ssecast itself";
    Command::new(MAN.name).arg(Arg::new("command").value_name("COMMAND").value_parser(commands).help(about))
}

/// The page that `matches` asks for.
///
/// # Errors
/// None, as it is written into memory.
pub(super) fn page(matches: &ArgMatches, mut program: Command) -> io::Result<String> {
    program.build();
    let name = matches.get_one::<String>("command").map(String::as_str);
    let help = ALL.into_iter().find(|help| Some(help.name) == name).unwrap_or(&PROGRAM);
    let command = program.find_subcommand(help.name).unwrap_or(&program).clone();
    let title = if help.name.is_empty() { "ssecast".to_owned() } else { format!("ssecast-{}", help.name) };
    let man = Man::new(command.clone().display_name(&title).about(help.about));
    // Written here, as an empty date is lost elsewhere: the version says more than a day.
    let version = env!("CARGO_PKG_VERSION");
    let mut page =
        format!(".TH {} 1 \"\" \"ssecast {version}\" \"ssecast\"\n", title.to_uppercase()).into_bytes();
    man.render_name_section(&mut page)?;
    page.extend_from_slice(beginning(help, command.clone()).to_roff().as_bytes());
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    page.extend_from_slice(ending(help).to_roff().as_bytes());
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn beginning(help: &Help, mut command: Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    // As in `--help`: with every option it would be a wall.
    let usage = command.render_usage().to_string();
    let words: Vec<&str> = usage.trim_start_matches("Usage:").split_whitespace().collect();
    let typed = words.iter().take_while(|word| !word.starts_with(['[', '<'])).count();
    roff.text([bold(words[..typed].join(" ")), roman(format!(" {}", words[typed..].join(" ")))]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(format!("{}.", help.about))]);
    if !help.more.is_empty() {
        roff.control("PP", []);
        roff.text([roman(help.more)]);
    }
    roff
}

fn ending(help: &Help) -> Roff {
    let mut roff = Roff::new();
    if !help.exit.is_empty() {
        roff.control("SH", ["EXIT STATUS"]);
        for (code, meaning) in help.exit {
            roff.control("TP", []);
            roff.text([bold(*code)]);
            roff.text([roman(*meaning)]);
        }
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, purpose) in help.examples {
        roff.control("TP", []);
        // One line, however it stands in `--help`.
        let line = line.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ");
        roff.text([bold(line)]);
        roff.text([roman(*purpose)]);
    }
    let others: Vec<String> = ALL
        .iter()
        .filter(|other| other.name != help.name)
        .map(|other| format!("ssecast-{}(1)", other.name))
        .collect();
    let program = (!help.name.is_empty()).then(|| "ssecast(1)".to_owned());
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(program.into_iter().chain(others).collect::<Vec<_>>().join(", "))]);
    roff
}
