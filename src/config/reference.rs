//! `docs/configuration.md`, made from the table of keys so that it cannot drift.

use super::Config;
use super::keys::{Change, Key, SECTIONS};

const INTRO: &str = "\
# Configuration

<!-- Made by `cargo run -- check --reference > docs/configuration.md`; change src/config/keys/ instead. -->

Every key can be set in three ways, here by the example of `stream.heartbeat`:

| where | how |
|---|---|
| a flag | `--stream-heartbeat 5s` |
| an environment variable | `SSECAST_STREAM_HEARTBEAT=5s` |
| the TOML file | `[stream]`, and under it `heartbeat = \"5s\"` |

A flag goes before the environment, the environment before the file, the file before the default. No file
is read unless one is named by `--config FILE` or `SSECAST_CONFIG`. An unknown key, flag or `SSECAST_`
variable is an error, and so is a value that is not allowed: `ssecast` then names all of them and exits
with 2 before it opens anything. (Variables that Kubernetes sets for services, such as
`SSECAST_SERVICE_HOST`, are ignored, and so is `SSECAST_TOKEN`, which `ssecast tail` and `publish` read.)

`ssecast check` prints what is in force as a TOML file, with where each value comes from.

At SIGHUP the file is read again. A bad one is refused and logged, and the old configuration stays.

- A duration has a unit: `\"15s\"`, `\"500ms\"`, `\"1m 30s\"`.
- A size has a unit or is a number of bytes: `\"256 KiB\"`, `262144`. `KiB` is 1024 bytes, `KB` is 1000.
- A switch as a flag needs no value: `--map-only`; `--map-only=false` switches it off.
- A list as a flag or a variable is separated by commas; the flag may also be repeated.
";

/// The reference in Markdown.
#[must_use]
pub fn render_reference() -> String {
    let defaults = Config::default();
    let mut out = INTRO.to_owned();
    for section in SECTIONS {
        let place = match section.name {
            "" => "At the top of the file, ahead of every section.".to_owned(),
            name => format!("In the file under `[{name}]`."),
        };
        out.push_str(&format!("\n## {}\n\n{place}\n", section.title));
        for key in section.keys {
            out.push_str(&entry(key, &defaults));
        }
    }
    out
}

fn entry(key: &Key, defaults: &Config) -> String {
    let default = key.kind.write(defaults);
    let default = match default.contains('\n') {
        true => format!("\n\n  ```toml\n  {} = {}\n  ```", key.last(), default.replace('\n', "\n  ")),
        false => format!(" `{default}`"),
    };
    let alias = key.alias().map(|alias| format!(" or `--{alias}`")).unwrap_or_default();
    let change = match key.change {
        Change::AtRunTime => "at SIGHUP",
        Change::AtRestart => "at the next start",
    };
    format!(
        "\n### `{}`\n\n{}\n\n- Allowed: {}.\n- Flag `--{}`{alias}, variable `{}`.\n- A change takes effect {change}.\n- Default:{default}\n",
        key.name,
        escape(key.help),
        escape(&key.kind.syntax()),
        key.flag(),
        key.variable(),
    )
}

/// Keeps Markdown from reading names and patterns as its own.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('_', "\\_")
        .replace('*', "\\*")
        .replace('[', "\\[")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_in_docs_is_the_one_of_the_table() {
        let stored = include_str!("../../docs/configuration.md");
        assert!(
            stored == render_reference(),
            "docs/configuration.md is old: cargo run -- check --reference > docs/configuration.md"
        );
    }
}
