//! The configuration file: what is accepted is written by `ssecast check` and read back equal.
//!
//! Input: the text of the file.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use ssecast::commands::{Invocation, parse};
use ssecast::config::{Config, Given, Origins, Sources, render_check, warnings};

/// A place for the file, and what reads it.
struct Reader {
    path: PathBuf,
    sources: Sources,
    origins: Origins,
}

thread_local! {
    static READER: Reader = Reader::new();
}

impl Reader {
    fn new() -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
        let path = std::env::temp_dir().join(format!("ssecast-fuzz-{}-{thread}.toml", std::process::id()));
        fs::write(&path, "").expect("a temporary file can be written");
        let load = |command: &str| {
            let args = ["ssecast".into(), command.into(), "--config".into(), OsString::from(&path)];
            parse(args, std::iter::empty(), Given::default()).expect("an empty file is a configuration")
        };
        let (Invocation::Serve(_, sources), Invocation::Check(_, origins)) = (load("serve"), load("check"))
        else {
            panic!("each command is what it says");
        };
        Self { path, sources, origins }
    }

    fn read(&self, text: &[u8]) -> Result<Config, String> {
        fs::write(&self.path, text).expect("a temporary file can be written");
        self.sources.reload().map_err(|failure| failure.message().to_owned())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads the input as a file, and what `check` makes of it.
pub fn run(data: &[u8]) {
    READER.with(|reader| match reader.read(data) {
        Ok(config) => check(reader, &config),
        Err(said) => assert!(
            said.ends_with('\n')
                && said.lines().all(|line| line.starts_with("error: ") || line.starts_with(' ')),
            "{said:?}"
        ),
    });
}

fn check(reader: &Reader, config: &Config) {
    let written = render_check(config, &reader.origins);
    // A mask is no token, and a hash is one.
    let unmasked = written.replace("[\"***\"]", &format!("[\"sha256:{}\"]", "0".repeat(64)));
    let mut again = match reader.read(unmasked.as_bytes()) {
        Ok(again) => again,
        Err(said) => panic!("what check wrote is refused: {said}\n{written}"),
    };
    // These are masked, and so not written.
    again.auth.publish_tokens = config.auth.publish_tokens.clone();
    again.auth.subscribe_tokens = config.auth.subscribe_tokens.clone();
    again.auth.admin_tokens = config.auth.admin_tokens.clone();
    again.auth.jwt = config.auth.jwt.clone();
    again.redis.url = config.redis.url.clone();
    again.redis.sentinel_password = config.redis.sentinel_password.clone();
    assert_eq!(again, *config, "{written}");
    for warning in warnings(config, config.bus.mode) {
        assert!(!warning.contains(['\r', '\n']), "{warning:?}");
    }
    let password = &config.redis.sentinel_password.0;
    let line = format!("sentinel_password = \"{password}\"");
    assert!(matches!(password.as_str(), "" | "***") || !written.contains(&line), "a secret is shown");
}
