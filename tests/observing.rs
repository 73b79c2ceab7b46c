//! What operators watch: each name in the dashboard and the alerts is one of `/metrics`, each expression is one for
//! Prometheus, and the runbook has an answer to each alert and to each reason that the program may give.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use common::dir::TestDir;
use common::http::get;
use common::installed::{in_project, said};
use common::server::Server;

const ALERTS: &str = include_str!("../packaging/prometheus/alerts.yml");
const ALERT_TESTS: &str = include_str!("../packaging/prometheus/alerts.test.yml");
const DASHBOARD: &str = include_str!("../packaging/grafana/ssecast.json");
const RUNBOOK: &str = include_str!("../docs/runbook.md");
const METRICS: &str = include_str!("../docs/metrics.md");

/// What Prometheus itself adds.
const OF_PROMETHEUS: [&str; 1] = ["up"];
/// Words of the language that are no names; functions are followed by a parenthesis.
const WORDS: [&str; 12] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "and",
    "or",
    "unless",
    "offset",
    "bool",
    "inf",
];

/// Metrics of a server that has answered a request, as Prometheus text.
fn exposition() -> String {
    let server = Server::start();
    get(server.addr(), "/healthz");
    get(server.addr(), "/metrics").text()
}

/// The names of all series.
fn names(exposition: &str) -> BTreeSet<String> {
    let samples = exposition.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.split(['{', ' ']).next()?.to_owned())).collect()
}

/// The values of a label of a metric.
fn labels(exposition: &str, metric: &str, label: &str) -> BTreeSet<String> {
    let start = format!("{metric}{{{label}=\"");
    let values = exposition.lines().filter_map(|line| line.strip_prefix(&start)?.split('"').next());
    values.map(str::to_owned).collect()
}

/// The alerts with their expressions.
fn alerts() -> Vec<(&'static str, &'static str)> {
    let of = |line: &'static str, key: &str| line.trim_start_matches([' ', '-']).strip_prefix(key);
    let names: Vec<&str> = ALERTS.lines().filter_map(|line| of(line, "alert: ")).collect();
    let expressions: Vec<&str> = ALERTS.lines().filter_map(|line| of(line, "expr: ")).collect();
    assert_eq!(names.len(), expressions.len());
    assert_eq!(names.len(), ALERTS.matches("alert:").count());
    assert!(names.len() > 10);
    names.into_iter().zip(expressions).collect()
}

/// The expressions of the dashboard, with its variables filled in.
fn dashboard() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(parts) => {
                for (name, part) in parts {
                    match part.as_str() {
                        Some(text) if name == "expr" => found.push(text.to_owned()),
                        _ => collect(part, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(DASHBOARD).expect("the dashboard is JSON"), &mut found);
    assert!(found.len() > 20);
    let filled = |text: String| {
        let filled =
            text.replace("$__rate_interval", "5m").replace("$job", "ssecast").replace("$instance", ".*");
        assert!(!filled.contains('$'), "an unknown variable in {filled}");
        filled
    };
    found.into_iter().map(filled).collect()
}

/// The names of the metrics in an expression.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = expression;
    // Not within: label matchers, ranges, and the labels that follow `by`, `on` and the like.
    let mut skips_parenthesis = false;
    while let Some(c) = rest.chars().next() {
        match c {
            '{' => rest = after(rest, '}'),
            '[' => rest = after(rest, ']'),
            '(' if std::mem::take(&mut skips_parenthesis) => rest = after(rest, ')'),
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (word, tail) = rest.split_at(end);
                rest = tail;
                let is_word = WORDS.contains(&word);
                skips_parenthesis = is_word && tail.trim_start().starts_with('(') && word.len() > 1;
                skips_parenthesis &= !["and", "or", "unless"].contains(&word);
                if !is_word && !tail.trim_start().starts_with('(') && !is_aggregation(word, tail) {
                    found.insert(word.to_owned());
                }
            }
            // A number, with its unit.
            c if c.is_ascii_digit() => {
                rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
            }
            _ => rest = &rest[c.len_utf8()..],
        }
    }
    found
}

/// `sum by (le) (…)`.
fn is_aggregation(word: &str, tail: &str) -> bool {
    let next = tail.trim_start();
    ["sum", "min", "max", "avg", "count"].contains(&word)
        && (next.starts_with("by") || next.starts_with("without"))
}

/// What follows the next `end`.
fn after(text: &str, end: char) -> &str {
    text.split_once(end).unwrap_or_else(|| panic!("no {end} in {text}")).1
}

#[test]
fn names_are_found_in_expressions() {
    let found = |expression: &str| metrics_in(expression).into_iter().collect::<Vec<_>>();
    assert_eq!(found("up{job=\"a\"} == 0"), ["up"]);
    assert_eq!(
        found("sum by (job, le) (rate(a_total{x=~\"b|c\"}[5m])) > 1e9 and on (job) b_c == 0"),
        ["a_total", "b_c"]
    );
    assert_eq!(
        found("time() - start{a=\"b\"} / (other + 0.1) unless on (job) last"),
        ["last", "other", "start"]
    );
    assert_eq!(found("increase(x[5m]) > 0 and increase(x[5m] offset 5m) > 0"), ["x"]);
}

#[test]
fn each_metric_that_is_watched_is_there() {
    let exposition = exposition();
    let mut known = names(&exposition);
    known.extend(OF_PROMETHEUS.map(str::to_owned));
    let alerts = alerts().into_iter().map(|(name, expression)| (name, expression.to_owned()));
    let all = alerts.chain(dashboard().into_iter().map(|expression| ("the dashboard", expression)));
    let mut watched = BTreeSet::new();
    for (place, expression) in all {
        let metrics = metrics_in(&expression);
        assert!(!metrics.is_empty(), "{place}: {expression}");
        let unknown: Vec<&String> = metrics.difference(&known).collect();
        assert!(unknown.is_empty(), "{place}: {unknown:?} in {expression}");
        watched.extend(metrics);
    }
    // A value of a label that no longer exists would never fire.
    let reasons = labels(&exposition, "ssecast_connections_closed_total", "reason");
    for reason in ["overrun", "stalled"] {
        assert!(reasons.contains(reason), "{reason}");
    }
    let worth_watching =
        known.iter().filter(|name| name.starts_with("ssecast_redis_") && name.ends_with("_total"));
    assert!(worth_watching.count() > 3 && watched.len() > 30, "{watched:?}");
}

#[test]
fn the_dashboard_has_a_title_a_place_and_a_description_for_each_panel() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{panel}");
        let is_row = panel["type"] == "row";
        assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
        assert!(is_row || panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{panel}");
        let place = &panel["gridPos"];
        let right = place["x"].as_u64().zip(place["w"].as_u64()).map(|(x, w)| x + w);
        assert!(right <= Some(24), "{panel}");
    }
    let variables: Vec<&str> = dashboard["templating"]["list"]
        .as_array()
        .map(|list| list.iter().filter_map(|variable| variable["name"].as_str()).collect())
        .expect("variables");
    assert_eq!(variables, ["datasource", "job", "instance"]);
}

/// Prometheus' own tool, from the system or where `scripts/test` puts it.
fn promtool() -> Option<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let ours = target.parent().expect("target").join("promtool");
    let found = [PathBuf::from("promtool"), ours].into_iter().find(|path| {
        Command::new(path).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        eprintln!(
            "SKIPPED: expressions were not parsed, there is no promtool; scripts/test gets it on Debian"
        );
    }
    found
}

#[test]
fn prometheus_understands_every_expression_and_the_alerts_fire_when_they_should() {
    let Some(promtool) = promtool() else { return };
    let dir = TestDir::new("promtool");
    let rule = |(at, expression): (usize, &String)| {
        // JSON is YAML.
        format!("      - {{ record: \"panel:{at}\", expr: {} }}\n", Value::from(expression.as_str()))
    };
    let rules: String = dashboard().iter().enumerate().map(rule).collect();
    let panels = dir.write("panels.yml", &format!("groups:\n  - name: panels\n    rules:\n{rules}"));
    let folder = in_project("packaging/prometheus");
    for (what, file) in [("rules", panels), ("rules", folder.join("alerts.yml"))] {
        let output =
            Command::new(&promtool).args(["check", what]).arg(&file).output().expect("it ran before");
        assert!(output.status.success(), "{}: {}", file.display(), said(&output));
    }
    let mut test = Command::new(&promtool);
    let output =
        test.args(["test", "rules"]).arg(folder.join("alerts.test.yml")).output().expect("it ran before");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn each_alert_is_tested_both_ways_and_leads_to_its_section_of_the_runbook() {
    let sections: BTreeSet<&str> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for (name, _) in alerts() {
        for test in ["fires", "is quiet"] {
            assert!(ALERT_TESTS.contains(&format!("- name: {name} {test}\n")), "{name} {test}");
        }
        let link = format!("runbook_url: \"docs/runbook.md#{}\"", name.to_lowercase());
        assert!(ALERTS.contains(&link), "{link}");
        assert!(sections.contains(name), "docs/runbook.md has no section ### {name}");
    }
    let known: BTreeSet<&str> = alerts().into_iter().map(|(name, _)| name).collect();
    let unknown: Vec<&&str> =
        sections.iter().filter(|name| name.starts_with("Ssecast") && !known.contains(*name)).collect();
    assert!(unknown.is_empty(), "docs/runbook.md answers alerts that are not there: {unknown:?}");
}

/// The names in the first column of the table below a heading of the runbook.
fn table(heading: &str) -> BTreeSet<String> {
    let section = RUNBOOK.split(&format!("\n## {heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("docs/runbook.md has no ## {heading}"));
    first_columns(section.split("\n## ").next().expect("a section"))
}

/// The names in the first columns of all tables of a text.
fn first_columns(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn each_metric_is_explained_and_no_other() {
    let exposition = exposition();
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let given: BTreeSet<String> = types.map(str::to_owned).collect();
    assert!(given.len() > 40, "{given:?}");
    assert_eq!(first_columns(METRICS), given, "docs/metrics.md");
}

#[test]
fn the_runbook_has_each_reason_that_the_program_gives_and_no_other() {
    let exposition = exposition();
    for (heading, metric) in
        [("Close reasons", "ssecast_connections_closed_total"), ("Gap reasons", "ssecast_gaps_total")]
    {
        let given = labels(&exposition, metric, "reason");
        assert!(!given.is_empty(), "{metric}");
        assert_eq!(table(heading), given, "docs/runbook.md, {heading}");
    }
}
