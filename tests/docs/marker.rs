//! What the comment above a block says about how it is tested; docs/README.md explains it to writers.

use std::fmt;

/// A marker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// The block is run.
    Run(Run),
    /// What a command that is left running has printed must contain the block.
    Followed,
    /// Another test runs it.
    By {
        /// The file of that test.
        test: String,
        /// By what name it asks for the block.
        name: String,
    },
    /// Nothing runs it.
    Skip(String),
}

/// How a block is run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// A Redis is there.
    pub(crate) redis: bool,
    /// A server is there, with these flags.
    pub(crate) server: Option<Vec<String>>,
    /// The block starts servers itself; one of them has to answer.
    pub(crate) starts: bool,
    /// The last command does not end by itself: it is left running to the end of the page.
    pub(crate) follow: bool,
}

/// A marker that says nothing that is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not known in a marker; docs/README.md lists what is", self.0)
    }
}

impl Marker {
    /// Reads what follows `test:`.
    pub(crate) fn read(text: &str) -> Result<Self, Unknown> {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        match first {
            "skip" if !rest.is_empty() => return Ok(Self::Skip(rest.to_owned())),
            "followed" if rest.is_empty() => return Ok(Self::Followed),
            _ if first.starts_with("tests/") && !rest.is_empty() => {
                return Ok(Self::By { test: first.to_owned(), name: rest.to_owned() });
            }
            _ => {}
        }
        let mut run = Run::default();
        for word in text.split_whitespace() {
            match (word, &mut run.server) {
                ("alone", _) => {}
                ("redis", _) => run.redis = true,
                ("server", server) => *server = Some(Vec::new()),
                ("starts", _) => run.starts = true,
                ("follow", _) => run.follow = true,
                (flag, Some(flags)) if flag.starts_with("--") => flags.push(flag.to_owned()),
                _ => return Err(Unknown(word.to_owned())),
            }
        }
        if text.is_empty() { Err(Unknown(String::new())) } else { Ok(Self::Run(run)) }
    }
}

#[test]
fn markers_are_read() {
    let run = |run: Run| Ok(Marker::Run(run));
    assert_eq!(Marker::read("alone"), run(Run::default()));
    assert_eq!(Marker::read("redis"), run(Run { redis: true, ..Run::default() }));
    let flags = vec!["--stream-retry=1s".to_owned()];
    let with_flags = Run { server: Some(flags), follow: true, ..Run::default() };
    assert_eq!(Marker::read("server --stream-retry=1s follow"), run(with_flags));
    assert_eq!(Marker::read("skip it needs systemd"), Ok(Marker::Skip("it needs systemd".to_owned())));
    let by = Marker::By { test: "tests/clients.rs".to_owned(), name: "curl".to_owned() };
    assert_eq!(Marker::read("tests/clients.rs curl"), Ok(by));
    for wrong in ["", "skip", "sever", "alone --flag", "tests/clients.rs", "followed by"] {
        assert!(Marker::read(wrong).is_err(), "{wrong:?}");
    }
}
