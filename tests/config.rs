//! The configuration as a user meets it: a command line, an environment, a file.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ssecast::bus::Mode;
use ssecast::commands::{self, Invocation};
use ssecast::config::{self, Config, Given, Origin, Sources};
use ssecast::hub::{DataStyle, HeartbeatStyle};
use ssecast::logging::LogFormat;

/// A file that goes away with the test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(text: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("ssecast-config-{}-{}.toml", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    fn flag(&self) -> String {
        format!("--config={}", self.0.display())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn load(args: &[&str], env: &[(&str, &str)]) -> Result<Invocation, String> {
    let args = std::iter::once("ssecast").chain(args.iter().copied()).map(OsString::from);
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    commands::parse(args, env, Given::default()).map_err(|failure| failure.message().to_owned())
}

fn serve(args: &[&str], env: &[(&str, &str)]) -> (Config, Sources) {
    match load(args, env) {
        Ok(Invocation::Serve(config, sources)) => (*config, sources),
        other => panic!("{other:?}"),
    }
}

fn config(args: &[&str], env: &[(&str, &str)]) -> Config {
    serve(args, env).0
}

fn failure(args: &[&str], env: &[(&str, &str)]) -> String {
    load(args, env).expect_err("must be refused")
}

fn check(args: &[&str], env: &[(&str, &str)]) -> (Config, String) {
    let args: Vec<&str> = args.iter().copied().chain(["check"]).collect();
    match load(&args, env) {
        Ok(Invocation::Check(config, origins)) => {
            let text = config::render_check(&config, &origins);
            (*config, text)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_anything_the_defaults_are_in_force() {
    assert_eq!(config(&[], &[("PATH", "/bin"), ("SSECAST_SERVICE_HOST", "10.0.0.1")]), Config::default());
    assert_eq!(config(&["serve"], &[]), Config::default());
}

#[test]
fn a_flag_goes_before_the_environment_before_the_file_before_the_default() {
    let file = TempFile::new("[stream]\nretry = '1s'\nheartbeat = '1s'\nstall_timeout = '1s'\n");
    let env = [("SSECAST_STREAM_HEARTBEAT", "2s"), ("SSECAST_STREAM_STALL_TIMEOUT", "2s")];
    let stream = config(&[&file.flag(), "--stream-stall-timeout=3s"], &env).stream;
    let seconds =
        [stream.retry, stream.heartbeat, stream.stall_timeout, stream.user_timeout].map(|d| d.as_secs());
    assert_eq!(seconds, [1, 2, 3, 30]);
}

#[test]
fn the_file_is_named_by_flag_or_environment_and_the_flag_wins() {
    let (one, two) = (TempFile::new("[limits]\nheaders = 1"), TempFile::new("[limits]\nheaders = 2"));
    let env = [("SSECAST_CONFIG", one.0.to_str().unwrap())];
    assert_eq!(config(&[], &env).limits.headers, 1);
    assert_eq!(config(&[&two.flag()], &env).limits.headers, 2);
    assert!(failure(&["--config=/nowhere/x.toml"], &[]).contains("/nowhere/x.toml"));
    assert!(failure(&[], &[("SSECAST_CONFIG", "")]).contains("SSECAST_CONFIG is empty"));
}

#[test]
fn every_kind_of_value_is_read_from_each_source() {
    let file = TempFile::new(
        "map_only = true\n\
         server = { listen = '[::1]:81', instance = 'a.b', drain = 0 }\n\
         stream = { heartbeat = 'off', heartbeat_style = 'comment', data = 'envelope', history_age = '1h', \
                    history_events = 5, buffer_bytes = 300000, replay_bytes = '1 MB' }\n\
         topics.from_payload = ['customerId', 'a b']\n\
         cors.origins = ['https://b.example', 'https://a.example:8443']\n\
         log = { level = 'off', format = 'json' }\n\
         [[map]]\nevent_type = 'A'\nevent = 'a'\n\
         [[map]]\nevent_type = 'B'\nevent = 'a'\nfields = []\n",
    );
    let from_file = config(&[&file.flag()], &[]);
    assert_eq!(from_file.server.listen, "[::1]:81".parse().unwrap());
    assert_eq!(from_file.server.instance.as_ref().map(|name| name.as_str()), Some("a.b"));
    assert_eq!((from_file.server.drain, from_file.stream.heartbeat), (Duration::ZERO, Duration::ZERO));
    assert_eq!(from_file.stream.heartbeat_style, HeartbeatStyle::Comment);
    assert_eq!(from_file.stream.data, DataStyle::Envelope);
    assert_eq!(from_file.stream.history_age, Some(Duration::from_secs(3600)));
    assert_eq!((from_file.stream.buffer_bytes, from_file.stream.replay_bytes), (300_000, 1_000_000));
    assert_eq!(
        from_file.map.iter().map(|entry| entry.fields.clone()).collect::<Vec<_>>(),
        [None, Some(vec![])]
    );
    assert_eq!((from_file.log.level, from_file.log.format), (log::LevelFilter::Off, LogFormat::Json));

    let words = [
        ("map-only", "true"),
        ("server-listen", "[::1]:81"),
        ("server-instance", "a.b"),
        ("server-drain", "0"),
        ("stream-heartbeat", "off"),
        ("stream-heartbeat-style", "comment"),
        ("stream-data", "envelope"),
        ("stream-history-age", "1h"),
        ("stream-history-events", "5"),
        ("stream-buffer-bytes", "300000"),
        ("stream-replay-bytes", "1 MB"),
        ("topics-from-payload", "customerId, a b"),
        ("cors-origins", "https://b.example,https://a.example:8443"),
        ("log-level", "off"),
        ("log-format", "json"),
        ("map", "[{event_type='A',event='a'},{event_type='B',event='a',fields=[]}]"),
    ];
    let flags: Vec<String> = words.iter().map(|(name, value)| format!("--{name}={value}")).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    assert_eq!(config(&flags, &[]), from_file);

    let names = words.map(|(name, _)| format!("SSECAST_{}", name.replace('-', "_").to_uppercase()));
    let env: Vec<(&str, &str)> =
        names.iter().zip(&words).map(|(name, (_, value))| (name.as_str(), *value)).collect();
    assert_eq!(config(&[], &env), from_file);
}

#[test]
fn a_bad_value_is_named_with_its_key_its_source_and_what_is_allowed() {
    for (key, value, allowed) in [
        ("map_only", "'true'", "true or false"),
        ("map_only", "1", "true or false"),
        ("stream.heartbeat", "15", "needs a unit"),
        ("stream.heartbeat", "'15'", "needs a unit"),
        ("stream.heartbeat", "1.5", "duration"),
        ("stream.heartbeat", "'1us'", "from 10ms"),
        ("stream.retry", "'0s'", "from 1ms"),
        ("stream.retry", "'off'", "duration"),
        ("stream.history_age", "0", "\"off\""),
        ("stream.history_events", "0", "from 1 to"),
        ("stream.history_events", "'5'", "integer"),
        ("stream.history_events", "99999999999999999999", "integer"),
        ("stream.data", "'Payload'", "\"payload\", \"envelope\""),
        ("stream.data", "1", "\"payload\", \"envelope\""),
        ("limits.head_bytes", "1023", "from 1 KiB"),
        ("limits.head_bytes", "-1", "from 1 KiB"),
        ("limits.head_bytes", "'16 K'", "KiB (1024)"),
        ("server.listen", "'localhost:80'", "\"127.0.0.1:8080\""),
        ("server.listen", "80", "\"127.0.0.1:8080\""),
        ("server.instance", "'a-b'", "A-Z"),
        ("topics.from_payload", "'a'", "array"),
        ("topics.from_payload", "['']", "1 to 128"),
        ("topics.from_payload", "['a', 'a']", "twice"),
        ("topics.from_payload", "[1]", "array"),
        ("cors.origins", "['https://a/']", "scheme://host"),
        ("map", "'x'", "array of tables"),
        ("map", "[{event_type = 'A'}]", "entry 1: event is missing"),
        ("map", "[{event_type = 'A', event = 'a', field = []}]", "did you mean fields?"),
        ("map", "[{event_type = 'A', event = 'gap'}]", "reserved"),
        ("map", "[{event_type = 'A', event = ''}]", "1 to 128"),
        ("map", "[{event_type = 'A', event = \"a\\nb\"}]", "control"),
        ("map", "[{event_type = 'A', event = 'a', fields = ['x', 'x']}]", "fields has \"x\" twice"),
        ("map", "[{event_type='A', event='a'}, {event_type='A', event='b'}]", "entry 2: event_type \"A\""),
    ] {
        let file = TempFile::new(&format!("\n{key} = {value}\n"));
        let text = failure(&[&file.flag()], &[]);
        assert!(text.starts_with(&format!("error: {key} = ")), "{text}");
        assert!(text.contains(&format!("{}:2) ", file.0.display())), "{text}");
        assert!(text.contains(allowed) && text.contains("; allowed: "), "{key} = {value}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn the_source_of_a_bad_value_is_told_for_flags_and_variables() {
    let text = failure(&["--stream-retry=5"], &[("SSECAST_LOG_LEVEL", "loud\n")]);
    assert!(text.contains("stream.retry = \"5\" (flag --stream-retry) needs a unit"), "{text}");
    assert!(text.contains("log.level = \"loud\\n\" (environment SSECAST_LOG_LEVEL)"), "{text}");
    assert!(failure(&["--map=[{"], &[]).contains("map = \"[{\" (flag --map) is no TOML"));
    assert!(failure(&["--map-only=yes"], &[]).contains("true or false"));
}

#[test]
fn all_problems_are_told_at_once_also_of_values_that_are_overridden() {
    let file = TempFile::new("hartbeat = 1\n[stream]\nretry = 1\n");
    let text =
        failure(&[&file.flag(), "--stream-retry=1s", "--log-level=x"], &[("SSECAST_LOG_LEVLE", "info")]);
    let starts: Vec<String> = text
        .lines()
        .map(|line| line[..line.find([',', '(', ';']).unwrap_or(line.len())].to_owned())
        .collect();
    let path = file.0.display();
    assert_eq!(
        starts,
        [
            "error: unknown environment variable \"SSECAST_LOG_LEVLE\"".to_owned(),
            format!("error: {path}:1: unknown key \"hartbeat\""),
            "error: stream.retry = 1 ".to_owned(),
            "error: log.level = \"x\" ".to_owned(),
        ]
    );
    assert!(text.contains("did you mean SSECAST_LOG_LEVEL?"), "{text}");
}

#[test]
fn what_should_not_be_is_refused() {
    assert!(failure(&["--listen=0.0.0.0:80"], &[]).contains("auth.open_publish = true"));
    assert_eq!(config(&["--listen=0.0.0.0:80", "--auth-open-publish"], &[]).bus.mode, Mode::Local);
}

#[test]
fn every_mode_may_be_chosen() {
    for mode in Mode::ALL {
        assert_eq!(config(&["--mode", mode.name()], &[]).bus.mode, mode);
    }
}

#[test]
fn redis_is_found_by_its_url_or_by_what_dotnet_services_have() {
    for (text, address) in [
        ("redis://cache:6380", "cache:6380"),
        ("rediss://cache", "cache:6379"),
        ("redis+unix:///run/redis.sock", "/run/redis.sock"),
        ("cache:6380,password=secret=,ssl=true,abortConnect=false", "cache:6380"),
    ] {
        let config = config(&["--redis-url", text], &[]);
        assert_eq!(config.redis.url.addresses()[0].to_string(), address, "{text}");
        assert_eq!(config, self::config(&[], &[("SSECAST_REDIS_URL", text)]));
    }
    let config = config(&["--redis-channel=a,b", "--redis-protocol=2", "--redis-password-file=/x"], &[]);
    assert_eq!(config.redis.channel, ["a", "b"]);
    assert_eq!(config.redis.password_file.as_deref(), Some(std::path::Path::new("/x")));
}

#[test]
fn passwords_are_never_shown() {
    let env = [
        ("SSECAST_REDIS_URL", "redis://bob:hunter2@cache:6379"),
        ("SSECAST_REDIS_SENTINEL_PASSWORD", "hunter2"),
        ("SSECAST_REDIS_MASTER_NAME", "m"),
        ("SSECAST_REDIS_SENTINEL", "s:26379"),
    ];
    let (config, text) = check(&[], &env);
    assert!(text.contains("url = \"redis://bob:***@cache:6379\""), "{text}");
    assert!(text.contains("sentinel_password = \"***\""), "{text}");
    assert!(!format!("{text}{config:?}").contains("hunter2"));
    for bad in
        ["redis://:hunter2@", "hunter2://x", "cache,password=hunter2,nonsense=1", "cache,hunter2=1=2 3"]
    {
        let message = failure(&["--redis-url", bad], &[]);
        assert!(message.contains("redis.url"), "{message}");
        assert!(bad.starts_with("cache,h") || !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn the_output_of_check_is_a_file_of_the_same_configuration() {
    let (defaults, text) = check(&[], &[]);
    let file = TempFile::new(&text);
    assert_eq!(config(&[&file.flag()], &[]), defaults);

    let args = [
        "--stream-heartbeat=off",
        "--stream-history-age=36h",
        "--limits-body-bytes=1000001",
        "--cors-origins=https://b.example,http://[::1]:3000",
        "--server-instance=n.1",
        "--map=[{event_type=\"\\\"#'\",event='ü',fields=['a\"b','c\\d']},{event_type='B',event='b'}]",
    ];
    let (odd, text) = check(&args, &[("SSECAST_TOPICS_FROM_PAYLOAD", "a,#b")]);
    assert_ne!(odd, defaults);
    file.write(&text);
    assert_eq!(config(&[&file.flag()], &[]), odd, "{text}");
    let (empty, text) = check(&["--map=[]"], &[]);
    file.write(&text);
    assert_eq!(config(&[&file.flag()], &[]), empty);
}

#[test]
fn check_says_where_each_value_comes_from() {
    let file = TempFile::new("[stream]\nretry = '1s'\n");
    let (_, text) = check(&[&file.flag(), "--log-level=warn"], &[("SSECAST_LIMITS_HEADERS", "9")]);
    for line in [
        &format!("retry = \"1s\" # {}:2", file.0.display()),
        "heartbeat = \"15s\" # default",
        "headers = 9 # environment SSECAST_LIMITS_HEADERS",
        "level = \"warn\" # flag --log-level",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert_eq!(Origin::File { path: "a\nb".into(), line: 1 }.to_string(), "a\\nb:1");
}

#[test]
fn a_reload_reads_the_file_again_and_a_bad_one_changes_nothing() {
    let file = TempFile::new("[stream]\nretry = '1s'\nheartbeat = '1s'\n");
    let (running, sources) = serve(&[&file.flag(), "--stream-heartbeat=2s"], &[]);
    file.write("[stream]\nretry = '9s'\nheartbeat = '9s'\nuser_timeout = '9s'\n");
    let new = sources.reload().unwrap();
    let changes: Vec<(&str, bool)> =
        config::changes(&running, &new).iter().map(|change| (change.key, change.takes_effect)).collect();
    assert_eq!(changes, [("stream.retry", true), ("stream.user_timeout", false)]);
    let adopted = config::adopt(&running, new).unwrap();
    let seconds =
        [adopted.stream.retry, adopted.stream.heartbeat, adopted.stream.user_timeout].map(|d| d.as_secs());
    assert_eq!(seconds, [9, 2, 30]);
    file.write("[stream\n");
    assert!(sources.reload().unwrap_err().message().contains("is no TOML"));
    fs::remove_file(&file.0).unwrap();
    assert!(sources.reload().unwrap_err().message().contains("cannot read"));
}
