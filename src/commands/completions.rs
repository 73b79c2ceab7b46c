//! `ssecast completions`: scripts for shells, made from the command line's own description.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::{Shell, generate};

use super::help::COMPLETIONS;

const SHELLS: [(&str, Shell); 5] = [
    ("bash", Shell::Bash),
    ("zsh", Shell::Zsh),
    ("fish", Shell::Fish),
    ("powershell", Shell::PowerShell),
    ("elvish", Shell::Elvish),
];

/// The command.
pub(super) fn command() -> Command {
    let shells = PossibleValuesParser::new(SHELLS.map(|(name, _)| name));
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(shells).help("The shell");
    Command::new(COMPLETIONS.name).arg(shell)
}

/// The script that `matches` asks for, for all of `program`.
pub(super) fn script(matches: &ArgMatches, mut program: Command) -> String {
    let wanted = matches.get_one::<String>("shell").map(String::as_str);
    let shell = SHELLS.into_iter().find(|(name, _)| Some(*name) == wanted);
    let mut script = Vec::new();
    if let Some((_, shell)) = shell {
        generate(shell, &mut program, "ssecast", &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}
