//! The README's session works as printed: each command is run as it stands there, but for the port.

mod common;

use std::io::Read;
use std::process::{Child, Command, Stdio};

use common::server::Server;
use common::{DEADLINE, wait_until};

/// The commands of the README that begin with `$ curl`, and what is printed below each.
fn session() -> Vec<(String, String)> {
    let readme = include_str!("../README.md");
    let mut found = Vec::new();
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        let (command, output) = block.split_once('\n').expect("a command has a line");
        found.push((command.strip_prefix("$ ").expect("a prompt").to_owned(), output.trim_end().to_owned()));
    }
    found
}

fn start(command: &str, server: &Server) -> Child {
    let command = command.replace("127.0.0.1:8080", &server.addr().to_string()).replace("curl", "curl -s");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {command}")]).stdout(Stdio::piped()).stderr(Stdio::null());
    shell.spawn().expect("a shell is there")
}

/// Takes out what differs from run to run: the id's instance and fingerprint, and the spread retry.
fn essence(text: &str) -> String {
    let is_id = |word: &str| word.split('-').count() == 3 && word.len() > 20 && !word.contains('/');
    let words = text.trim_end().split_inclusive(['\n', ' ', '"']);
    let mut after_retry = false;
    words
        .map(|word| {
            let bare = word.trim_end_matches(['\n', ' ', '"']);
            let varies = is_id(bare) || std::mem::take(&mut after_retry);
            after_retry = bare == "retry:";
            if varies { word.replace(bare, "*") } else { word.to_owned() }
        })
        .collect()
}

#[test]
fn the_session_of_the_readme_works_as_printed() {
    let server = Server::start();
    let [follow, publish, resume] = session().try_into().expect("three commands");

    let mut stream = start(&follow.0, &server);
    wait_until("the stream is open", DEADLINE, || common::api::clients(&server).len() == 1);
    for (command, printed) in [publish, resume] {
        let output = start(&command, &server).wait_with_output().expect("curl ends");
        assert_eq!(essence(&String::from_utf8_lossy(&output.stdout)), essence(&printed), "{command}");
    }
    wait_until("the event was sent", DEADLINE, || {
        common::api::metric(&server, "ssecast_events_sent_total") >= Some(2.0)
    });
    let mut followed = vec![0; 4096];
    let mut bytes = 0;
    let pipe = stream.stdout.as_mut().expect("a pipe");
    while !followed[..bytes].ends_with(b"}\n\n") {
        let read = pipe.read(&mut followed[bytes..]).expect("curl prints what came");
        assert!(read > 0, "curl ended: {:?}", String::from_utf8_lossy(&followed[..bytes]));
        bytes += read;
    }
    stream.kill().expect("curl runs");
    stream.wait().expect("curl ends");
    let readme = include_str!("../README.md");
    let frame =
        readme.split("```\nid: ").nth(1).and_then(|rest| rest.split("```").next()).expect("the frame");
    let expected = format!("{}\n\nid: {}", follow.1, frame);
    assert_eq!(essence(&String::from_utf8_lossy(&followed[..bytes])), essence(&expected));
}
