//! What is refused at start and at a reload, and what `check` shows of secrets.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use super::common::api::post;
use super::common::dir::TestDir;
use super::common::events::tick;
use super::common::server::{Setup, wait_for_log};
use super::common::tokens::{SECRET, claims, hs256, signed_by};
use super::publish_as;

#[test]
fn an_address_that_others_reach_needs_tokens_or_a_word() {
    let run = |config: &str| {
        let setup = Setup::bare().flag("--listen", "0.0.0.0:0").config(config).arg("check");
        let finished = setup.run();
        (finished.code, finished.stderr)
    };
    let (code, stderr) = run("");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("auth.publish_tokens_file") && stderr.contains("auth.open_publish"), "{stderr}");
    let (code, stderr) = run("[auth]\npublish_tokens = [\"publisher-of-events\"]\n");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(run(&format!("[[auth.jwt]]\nalg = \"HS256\"\nkey = \"{SECRET}\"\n")).0, Some(0));
    assert_eq!(run("[auth]\nsubscribe_tokens = [\"subscriber-of-events\"]\n").0, Some(2));
    let (code, stderr) = run("[auth]\npublish_tokens = [\"publisher-of-events\"]\nopen_publish = true\n");
    assert_eq!(code, Some(0));
    assert!(stderr.contains("auth.open_publish changes nothing"), "{stderr}");
}

#[test]
fn check_shows_no_secret_and_names_what_is_wrong() {
    let config = format!(
        "[auth]\nadmin_tokens = [\"admin-of-this-server\"]\njwt = [{{ alg = \"HS256\", key = \"{SECRET}\" }}]\n"
    );
    let finished = Setup::bare().config(&config).arg("check").run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(
        !finished.stdout.contains(SECRET) && !finished.stdout.contains("admin-of"),
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("admin_tokens = [\"***\"]") && finished.stdout.contains("key = \"***\""),
        "{}",
        finished.stdout
    );
    for (config, problem) in [
        ("[auth]\npublish_tokens = [\"hush-hush\"]\n", "auth.publish_tokens"),
        (
            "[auth]\npublish_tokens_file = \"/nowhere/tokens\"\n",
            "auth.publish_tokens_file: /nowhere/tokens cannot be read",
        ),
        (
            "[[auth.jwt]]\nalg = \"RS256\"\nkey_file = \"/nowhere/key\"\n",
            "auth.jwt entry 1: cannot read /nowhere/key",
        ),
        ("[[auth.jwt]]\nalg = \"none\"\nkey = \"hush-hush\"\n", "alg \"none\" is not one of"),
        ("[[auth.jwt]]\nalg = \"HS256\"\nkey = \"hush-hush\"\n", "32 bytes or more"),
    ] {
        for command in ["check", "serve"] {
            let finished = Setup::bare().config(config).arg(command).run();
            assert_eq!(finished.code, Some(2), "{config}");
            assert!(finished.stderr.contains(problem), "{config}: {}", finished.stderr);
            assert!(!finished.stderr.contains("hush"), "{}", finished.stderr);
        }
    }
}

#[test]
fn keys_and_tokens_are_replaced_by_a_reload_and_a_bad_file_changes_nothing() {
    let dir = TestDir::new("keys");
    let (tokens, key) = (dir.write("tokens", "the-first-token-of-all\n"), dir.write("key", SECRET));
    let config = format!(
        "[auth]\npublish_tokens_file = {tokens:?}\n[[auth.jwt]]\nalg = \"HS256\"\nkey_file = {key:?}\n"
    );
    let server = Setup::new().config(&config).start();
    let allowed = claims(json!({ "publish": true }));
    let (old, new_secret) = (hs256(&allowed), "f".repeat(40));
    let new = signed_by(new_secret.as_bytes(), &json!({ "alg": "HS256" }), &allowed);
    let statuses =
        |of: &[&str]| of.iter().map(|token| publish_as(&server, token, &tick(1)).status).collect::<Vec<_>>();
    let tried = ["the-first-token-of-all", "the-second-token-of-all", &old, &new];
    assert_eq!(statuses(&tried), [202, 401, 202, 401]);
    let reload = |tokens_text: &str, key_text: &str, says: &str| {
        fs::write(&tokens, tokens_text).expect("it can be written");
        fs::write(&key, key_text).expect("it can be written");
        let from = server.log().len();
        server.signal(Signal::HUP);
        wait_for_log(&server, from, says);
    };
    reload("the-second-token-of-all", &new_secret, "configuration reloaded");
    assert_eq!(statuses(&tried), [401, 202, 401, 202]);
    reload("short", &new_secret, "the token is shorter than 16");
    reload("the-first-token-of-all", "weak", "32 bytes or more");
    assert_eq!(statuses(&tried), [401, 202, 401, 202]);
    assert_eq!(post(server.addr(), tick(1).as_bytes()).status, 401);
}
