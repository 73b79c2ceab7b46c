//! What `--help` and the manual pages say beside the options: examples and exit codes, written once for both.

/// A command's texts.
pub(super) struct Help {
    /// The command, as it is typed after `ssecast`; empty for the program itself.
    pub(super) name: &'static str,
    /// One line.
    pub(super) about: &'static str,
    /// What it does, for those who want to know more.
    pub(super) more: &'static str,
    /// Command lines, and what each is for.
    pub(super) examples: &'static [(&'static str, &'static str)],
    /// Exit codes.
    pub(super) exit: &'static [(&'static str, &'static str)],
}

impl Help {
    /// What stands after the options in `--help`.
    pub(super) fn after_options(&self) -> String {
        let mut text = String::from("Examples:\n");
        for (line, purpose) in self.examples {
            text += &format!("  {line}\n      {purpose}\n");
        }
        if !self.exit.is_empty() {
            text += "\nExit codes:\n";
            for (code, meaning) in self.exit {
                text += &format!("  {code:<9} {meaning}\n");
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

pub(super) const PROGRAM: Help = Help {
    name: "",
    about: "Broadcasts domain events to any number of browsers as Server-Sent Events",
    more: "Publishers POST events to /publish; clients read them from GET /events, reconnect by themselves and \
           resume where they stopped.",
    examples: &[
        ("ssecast", "Serve on http://127.0.0.1:8080; `ssecast serve --help` has all the options."),
        ("ssecast tail", "In a second terminal: watch the events as they come."),
        (
            "ssecast publish --event-type hello --id 1 --payload '{\"a\":1}'",
            "In a third one: publish an event.",
        ),
        (
            "ssecast --config ssecast.toml --listen 127.0.0.1:9000",
            "Serve with a file, on another port: a flag goes before the file.",
        ),
        ("ssecast check > ssecast.toml", "Start a file of one's own."),
    ],
    exit: &[
        ("0", "drained, or done"),
        ("1", "a failure at run time"),
        ("2", "a wrong command line or configuration"),
        ("3", "publish: an event was refused"),
        ("98", "serve: the address is in use"),
    ],
};

pub(super) const SERVE: Help = Help {
    name: "serve",
    about: "Serve, which is also what `ssecast` alone does",
    more: "Every option is a flag, an environment variable and a key of a TOML file: --stream-heartbeat 15s, \
           SSECAST_STREAM_HEARTBEAT=15s, and under [stream] heartbeat = \"15s\". A flag goes before the \
           environment, the environment before the file, the file before the default. SIGHUP reads the file again; \
           SIGTERM lets the clients go and stops.",
    examples: &[
        ("ssecast serve", "Serve on 127.0.0.1:8080 with the defaults."),
        (
            "ssecast serve --mode redis --redis-url redis://127.0.0.1:6379",
            "Together with any number of others on the same Redis.",
        ),
        ("ssecast serve --config ssecast.toml --listen 127.0.0.1:9000", "A file, and one thing otherwise."),
        ("SSECAST_LOG_FORMAT=json ssecast serve", "An option from the environment."),
    ],
    exit: &[
        ("0", "drained after SIGTERM or SIGINT"),
        ("1", "a failure at run time, or ended at once by a second signal"),
        ("2", "a wrong command line or configuration"),
        ("98", "the address is in use"),
    ],
};

pub(super) const CHECK: Help = Help {
    name: "check",
    about: "Check the configuration and print what is in force, as a TOML file",
    more: "Takes the options of `ssecast serve`, and says for each key where its value comes from. Secrets are \
           masked.",
    examples: &[
        ("ssecast check --config ssecast.toml", "Is this file right? The exit code says it, too."),
        ("SSECAST_STREAM_HEARTBEAT=5s ssecast check", "What is in force with this environment?"),
        ("ssecast check > ssecast.toml", "Start a file of one's own."),
    ],
    exit: &[("0", "it can be used"), ("2", "it cannot; every problem is named")],
};

pub(super) const HEALTH: Help = Help {
    name: "health",
    about: "Ask the server of this configuration, on this machine, whether it is well",
    more: "Takes the options of `ssecast serve`, and asks for /healthz where they say that it listens: for the health \
           check of a container, which has no other program to ask with.",
    examples: &[
        ("ssecast health", "Is the server on 127.0.0.1:8080 well?"),
        ("ssecast health --config ssecast.toml", "The one that this file describes."),
    ],
    exit: &[
        ("0", "it is well"),
        ("1", "it is not, or does not answer"),
        ("2", "a wrong command line or configuration"),
    ],
};

pub(super) const TAIL: Help = Help {
    name: "tail",
    about: "Follow a stream of events; reconnects and resumes by itself",
    more: "Events go to standard output, a line each, the state of the connection to standard error. After a lost \
           connection it comes back when the server has asked for it, or later each time that fails, and resumes \
           after the last event that it has: nothing is missed and nothing comes twice, or a `gap` line says so.",
    examples: &[
        ("ssecast tail", "Follow http://127.0.0.1:8080/events."),
        (
            "ssecast tail https://shop.example --type order-created --topic 'customerId/42'",
            "Only some of them. A URL without a path gets /events.",
        ),
        ("ssecast tail --since earliest --limit 10", "The first ten that the server still keeps."),
        (
            "ssecast tail --json | jq -r 'select(.event == \"order-created\") | .data.orderId'",
            "For programs: one JSON object a line.",
        ),
        (
            "ssecast tail --token-file token.txt https://shop.example/events",
            "With a token; SSECAST_TOKEN is taken, too.",
        ),
    ],
    exit: &[
        ("0", "--limit was reached, or whoever read the output has enough"),
        ("1", "no connection, or none that it makes sense to ask for again"),
        ("2", "a wrong command line"),
        ("130, 143", "ended by SIGINT (Ctrl-C), by SIGTERM"),
    ],
};

pub(super) const PUBLISH: Help = Help {
    name: "publish",
    about: "Publish events from a file, from standard input, or from flags",
    more: "Takes one envelope, an array of them, or one a line (NDJSON), and sends them in batches, each of which is \
           taken as a whole or not at all. What comes slowly on standard input is sent at once, and a large file is \
           never read as a whole. It stops at the first batch that the server refuses and names the line.",
    examples: &[
        (
            "ssecast publish --event-type OrderCreatedDomainEvent --id 7c9e \\\n       --payload '{\"orderId\":\"7c9e\",\"status\":\"Pending\"}'",
            "One event from flags.",
        ),
        ("ssecast publish orders.ndjson", "A file, one envelope a line."),
        (
            "ssecast publish --dry-run orders.ndjson",
            "Only check it, as the server would, and name every wrong line.",
        ),
        (
            "generate-orders | ssecast publish --rate 100 -",
            "What another program prints, 100 events a second.",
        ),
        (
            "ssecast publish --url https://shop.example --token-file token.txt orders.ndjson",
            "To another server, with a token.",
        ),
    ],
    exit: &[
        ("0", "the server has all of them; with --dry-run: all of them are valid"),
        ("1", "no connection, no answer, or given up; how many were accepted is said"),
        ("2", "a wrong command line"),
        ("3", "an envelope is invalid, or the server refused one; its line is named"),
        ("130, 143", "ended by SIGINT (Ctrl-C), by SIGTERM, after the batch under way"),
    ],
};

pub(super) const COMPLETIONS: Help = Help {
    name: "completions",
    about: "Print the completion script of a shell",
    more: "",
    examples: &[
        (
            "ssecast completions bash > ~/.local/share/bash-completion/completions/ssecast",
            "For bash, from the next shell on.",
        ),
        ("ssecast completions zsh > ~/.zfunc/_ssecast", "For zsh, where ~/.zfunc is in $fpath."),
        ("ssecast completions fish > ~/.config/fish/completions/ssecast.fish", "For fish."),
    ],
    exit: &[],
};

pub(super) const MAN: Help = Help {
    name: "man",
    about: "Print a manual page",
    more: "",
    examples: &[
        ("ssecast man | man -l -", "Read it."),
        ("ssecast man tail > ssecast-tail.1", "The page of a command, to install it."),
    ],
    exit: &[],
};

/// Those of every command, in the order of `--help`.
pub(super) const ALL: [&Help; 7] = [&SERVE, &CHECK, &HEALTH, &TAIL, &PUBLISH, &COMPLETIONS, &MAN];
