//! What must hold between keys, and what is allowed but odd.
//!
//! Ranges of single keys are in their kind, the forms of texts in `grammar`.

use super::keys::{KEYS, find};
use super::origin::Origins;
use super::value::show_size;
use super::{Config, Endpoint};
use crate::auth::Right;
use crate::bus::Mode;
use crate::limits::KIB;
use crate::redis;

/// Everything that is wrong between the keys of `config`.
pub(super) fn relations(config: &Config, origins: &Origins) -> Vec<String> {
    let shown = |name: &str| {
        let value = find(name).map(|index| KEYS[index].shown(config)).unwrap_or_default();
        format!("{name} = {value} ({})", origins.of(name))
    };
    let mut problems = Vec::new();
    problems.extend(redis_relations(config, origins));
    if config.cors.origins.len() > 1 && config.cors.origins.iter().any(|origin| origin == "*") {
        problems.push(format!(
            "{} has * beside other origins: * is for all of them, and without credentials",
            shown("cors.origins")
        ));
    }
    let least = config.limits.least_parser_bytes();
    if config.limits.parser_bytes < least {
        problems.push(format!(
            "{} is too small for one request as large as {} and {} allow: it takes at least {}",
            shown("limits.parser_bytes"),
            shown("limits.body_bytes"),
            shown("limits.head_bytes"),
            show_size(least.next_multiple_of(KIB) as u64),
        ));
    }
    if config.tls.cert_file.is_some() != config.tls.key_file.is_some() {
        problems.push("tls.cert_file and tls.key_file belong together: set both or neither".to_owned());
    }
    problems.extend(listeners(config, shown));
    problems
}

/// What must hold between the listeners and who may publish.
fn listeners(config: &Config, shown: impl Fn(&str) -> String) -> Vec<String> {
    let (listen, admin_listen) = (Endpoint::Ip(config.server.listen), &config.server.admin_listen);
    let mut problems = Vec::new();
    if admin_listen.as_ref() == Some(&listen) && config.server.listen.port() != 0 {
        problems.push(format!(
            "{} is that of server.listen: take another one, or leave it out to have everything in one place",
            shown("server.admin_listen")
        ));
    }
    if config.auth.open_publish || config.auth.guards(Right::Publish) {
        return problems;
    }
    let tokens = "let only those publish who have a token (auth.publish_tokens_file)";
    let open = "allow it with auth.open_publish = true (flag --auth-open-publish, environment \
                SSECAST_AUTH_OPEN_PUBLISH)";
    match admin_listen {
        Some(admin) if admin.is_open() => problems.push(format!(
            "{} is open to other machines, and anyone there could publish: take 127.0.0.1, [::1] or a socket file \
             (unix:/PATH), or {tokens}, or {open}",
            shown("server.admin_listen"),
        )),
        None if listen.is_open() => problems.push(format!(
            "{} is open to other machines, and anyone there could publish: move publishing to an address of its \
             own (server.admin_listen = \"127.0.0.1:9090\" or \"unix:/PATH\"), or {tokens}, or listen on 127.0.0.1 or \
             [::1], or {open}",
            shown("server.listen"),
        )),
        Some(_) | None => {}
    }
    problems
}

/// What works and is seldom meant, with the bus in `mode`: a sentence each, for the log.
#[must_use]
pub fn warnings(config: &Config, mode: Mode) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.server.reuse_port && !mode.forwards() {
        warnings.push(format!(
            "server.reuse_port with bus.mode = \"{}\": an event that one process on the port takes never reaches \
             the clients of the others; in the modes fanout and redis it does",
            mode.name()
        ));
    }
    let auth = &config.auth;
    if auth.open_publish && auth.guards(Right::Publish) {
        warnings
            .push("auth.open_publish changes nothing: there are tokens, and publishing needs one".to_owned());
    }
    if config.limits.publish_per_token.rate > 0 && !auth.guards(Right::Publish) {
        warnings.push(
            "limits.publish_rate_per_token changes nothing: publishing needs no token that could be counted"
                .to_owned(),
        );
    }
    if auth.open_streams && !auth.guards(Right::Subscribe) {
        warnings.push(
            "auth.open_streams changes nothing: there are no tokens that a stream could need".to_owned(),
        );
    }
    if auth.open_tenants && auth.open_streams && auth.guards(Right::Subscribe) {
        warnings.push(
            "auth.open_tenants with auth.open_streams: whoever sends no token may ask for every tenant"
                .to_owned(),
        );
    }
    if auth.open_tenants && !auth.jwt.is_empty() {
        warnings.push(
            "auth.open_tenants with auth.jwt: a token without a tenant claim may ask for every tenant"
                .to_owned(),
        );
    }
    warnings
}

/// What must hold between the keys of `redis`.
fn redis_relations(config: &Config, origins: &Origins) -> Vec<String> {
    let redis = &config.redis;
    let mut problems = Vec::new();
    let from = |name: &str| format!("({})", origins.of(name));
    let Some(first) = redis.channel.first() else {
        return vec![format!(
            "redis.channel {} is empty: name the channel to publish to",
            from("redis.channel")
        )];
    };
    if !redis.pattern.is_empty() && !redis::glob(&redis.pattern, first) {
        problems.push(format!(
            "redis.pattern {} does not match the first of redis.channel {}: what is published here would never \
             come back",
            from("redis.pattern"),
            from("redis.channel")
        ));
    }
    let prefix = format!("{}.", redis.canary);
    if redis.channel.iter().any(|channel| channel.starts_with(&prefix)) {
        problems.push(format!(
            "redis.canary {} and redis.channel {} overlap: canaries would be taken for events",
            from("redis.canary"),
            from("redis.channel")
        ));
    }
    if redis.cert_file.is_some() != redis.key_file.is_some() {
        problems.push("redis.cert_file and redis.key_file belong together: set both or neither".to_owned());
    }
    if !redis.sentinel.is_empty() && redis.master_name.is_empty() {
        problems.push(format!(
            "redis.sentinel {} needs redis.master_name: what the sentinels call the master",
            from("redis.sentinel")
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        let problems = relations(&config, &Origins::defaults());
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.into_iter().next().unwrap()
    }

    #[test]
    fn defaults_agree_with_each_other() {
        assert_eq!(relations(&Config::default(), &Origins::defaults()), Vec::<String>::new());
    }

    #[test]
    fn a_shared_port_needs_a_mode_that_shares_events() {
        let mut config = Config::default();
        assert_eq!(Mode::ALL.map(|mode| warnings(&config, mode).len()), [0; 5]);
        config.server.reuse_port = true;
        assert_eq!(Mode::ALL.map(|mode| warnings(&config, mode).len()), [1, 1, 1, 0, 0]);
        let text = warnings(&config, Mode::DryRun).remove(0);
        assert!(text.contains("server.reuse_port") && text.contains("\"dry-run\""), "{text}");
        assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new());
    }

    #[test]
    fn open_tenants_where_streams_are_open_too_are_warned_of() {
        let mut config = Config::default();
        config.auth.open_tenants = true;
        config.auth.open_streams = true;
        config.auth.subscribe_tokens = vec![crate::auth::TokenHash::of("subscriber-of-events")];
        let warnings = warnings(&config, Mode::Local);
        assert!(warnings.len() == 1 && warnings[0].contains("may ask for every tenant"), "{warnings:?}");
    }

    /// A limit that another one makes pointless is odd, not wrong: the smaller one acts.
    #[test]
    fn limits_may_be_set_one_by_one() {
        let mut config = Config::default();
        config.limits.body_bytes = 1024;
        config.limits.head_bytes = 1024;
        config.stream.buffer_bytes = 1024;
        assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new());
    }

    #[test]
    fn one_request_has_to_fit_into_the_memory_of_all() {
        let text = problem(|c| c.limits.body_bytes = 1 << 30);
        assert!(text.contains("limits.parser_bytes") && text.contains("limits.body_bytes"), "{text}");
        let mut config = Config::default();
        config.limits.parser_bytes = config.limits.least_parser_bytes();
        assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new());
    }

    #[test]
    fn every_origin_is_not_one_of_several() {
        let text = problem(|c| c.cors.origins = vec!["*".into(), "https://a.example".into()]);
        assert!(text.contains("cors.origins") && text.contains("has * beside other origins"), "{text}");
    }

    #[test]
    fn keys_of_redis_that_belong_together() {
        let text = problem(|c| c.redis.channel = Vec::new());
        assert!(text.starts_with("redis.channel"), "{text}");
        let text = problem(|c| c.redis.pattern = "events.*".into());
        assert!(text.contains("would never come back"), "{text}");
        let text = problem(|c| c.redis.channel = vec!["a".into(), "ssecast.canary.x".into()]);
        assert!(text.contains("overlap"), "{text}");
        let text = problem(|c| c.redis.cert_file = Some("a.pem".into()));
        assert!(text.contains("redis.key_file"), "{text}");
        let text = problem(|c| c.redis.sentinel = vec!["a:26379".into()]);
        assert!(text.contains("redis.master_name"), "{text}");
        let mut config = Config::default();
        config.redis.pattern = "orders.*".into();
        config.redis.sentinel = vec!["a:26379".into()];
        config.redis.master_name = "mymaster".into();
        assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new());
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let text = problem(|c| c.tls.cert_file = Some("a.pem".into()));
        assert!(text.contains("tls.key_file"), "{text}");
        let text = problem(|c| c.tls.key_file = Some("a.pem".into()));
        assert!(text.contains("tls.cert_file"), "{text}");
    }

    #[test]
    fn listening_beyond_loopback_must_be_wished_for() {
        for open in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
            let text = problem(|c| c.server.listen = open.parse().unwrap());
            for way in ["auth.open_publish = true", "server.admin_listen", "auth.publish_tokens"] {
                assert!(text.starts_with("server.listen") && text.contains(way), "{text}");
            }
        }
        for (listen, open_publish) in [
            ("127.8.9.1:0", false),
            ("[::1]:0", false),
            ("[::ffff:127.0.0.1]:0", false),
            ("0.0.0.0:80", true),
        ] {
            let mut config = Config::default();
            config.server.listen = listen.parse().unwrap();
            config.auth.open_publish = open_publish;
            assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new(), "{listen}");
        }
    }

    /// With an admin listener nothing is published at `server.listen`.
    #[test]
    fn the_address_that_counts_is_where_publishing_is() {
        let with = |listen: &str, admin: &str| {
            let mut config = Config::default();
            config.server.listen = listen.parse().unwrap();
            config.server.admin_listen = Some(Endpoint::parse(admin).unwrap());
            config
        };
        for admin in ["127.0.0.1:9090", "[::1]:0", "unix:/run/a.sock"] {
            let config = with("0.0.0.0:80", admin);
            assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new(), "{admin}");
        }
        let mut config = with("127.0.0.1:80", "0.0.0.0:9090");
        let problems = relations(&config, &Origins::defaults());
        assert!(problems.len() == 1 && problems[0].starts_with("server.admin_listen"), "{problems:?}");
        config.auth.open_publish = true;
        assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new());
        let problems = relations(&with("127.0.0.1:80", "127.0.0.1:80"), &Origins::defaults());
        assert!(problems.len() == 1 && problems[0].contains("that of server.listen"), "{problems:?}");
        let config = with("127.0.0.1:0", "127.0.0.1:0");
        assert_eq!(relations(&config, &Origins::defaults()), Vec::<String>::new());
    }
}
