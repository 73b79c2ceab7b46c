//! Tables of texts that are a target and texts that are none.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

/// What a target says, in one line.
fn show(target: &Target) -> String {
    let login = |user: Option<&str>, password: Option<&str>| match (user, password) {
        (None, None) => String::new(),
        (user, password) => format!(" as {}/{}", user.unwrap_or("-"), password.unwrap_or("-")),
    };
    let addresses: Vec<String> = target.addresses().iter().map(Address::to_string).collect();
    let mut shown = addresses.join(" ");
    shown += &login(target.username(), target.password());
    if target.tls() {
        shown += " tls";
    }
    for (name, value) in [
        (" name ", target.tls_name()),
        (" master ", target.service_name()),
        (" prefix ", some(target.channel_prefix()).as_deref()),
    ] {
        shown += &value.map(|value| format!("{name}{value}")).unwrap_or_default();
    }
    match login(target.sentinel_username(), target.sentinel_password()) {
        login if login.is_empty() => shown,
        login => format!("{shown} sentinels{login}"),
    }
}

#[track_caller]
fn check(text: &str, expected: &str, masked: &str) {
    let target = Target::parse(text).unwrap_or_else(|error| panic!("{text:?} {error}"));
    assert_eq!(show(&target), expected, "{text:?}");
    assert_eq!(target.masked(), masked, "{text:?}");
    assert_eq!(target.text(), text.trim());
    assert_eq!(format!("{target:?}"), format!("{masked:?}"));
    // What the configuration writes is what it reads.
    assert_eq!(Target::parse(target.text()).as_ref(), Ok(&target));
}

#[test]
fn urls() {
    for (text, expected) in [
        ("redis://h", "h:6379"),
        ("REDIS://h/", "h:6379"),
        ("redis://h:7/15", "h:7"),
        ("redis://h?protocol=3&db=2", "h:6379"),
        ("redis://1.2.3.4:65535", "1.2.3.4:65535"),
        ("redis://[::1]", "[::1]:6379"),
        ("redis://[2001:db8::7]:1", "[2001:db8::7]:1"),
        ("rediss://h", "h:6379 tls"),
        ("valkey://h", "h:6379"),
        ("valkeys://h:7", "h:7 tls"),
        ("redis://u@h", "h:6379 as u/-"),
        ("redis://u:@h", "h:6379 as u/-"),
        ("redis://:@h", "h:6379"),
        ("redis://@h", "h:6379"),
        ("redis+unix:///run/r.sock", "/run/r.sock"),
        ("valkey+unix:///run/r.sock?db=0", "/run/r.sock"),
        ("unix:///run/a%20b.sock?user=u", "/run/a b.sock as u/-"),
    ] {
        check(text, expected, text);
    }
}

#[test]
fn urls_with_a_password() {
    for (text, expected, masked) in [
        ("redis://:p@h", "h:6379 as -/p", "redis://:***@h"),
        ("  rediss://u:p@h:7/1\n", "h:7 as u/p tls", "rediss://u:***@h:7/1"),
        ("redis://:a%40b%3Ac%2Fd%3D@h", "h:6379 as -/a@b:c/d=", "redis://:***@h"),
        ("redis://:a@b:c=@h", "h:6379 as -/a@b:c=", "redis://:***@h"),
        ("redis://u%3A1:p%25@h", "h:6379 as u:1/p%", "redis://u%3A1:***@h"),
        // Harmless: commands say how long each argument is.
        ("redis://:a%0D%0AFLUSHALL@h", "h:6379 as -/a\r\nFLUSHALL", "redis://:***@h"),
        ("redis://:%C3%A4@h", "h:6379 as -/ä", "redis://:***@h"),
        ("redis://:ä@h", "h:6379 as -/ä", "redis://:***@h"),
        ("unix:///r?user=u&pass=p%26q", "/r as u/p&q", "unix:///r?user=u&pass=***"),
        ("unix:///r?p%61ss=p&db=1", "/r as -/p", "unix:///r?p%61ss=***&db=1"),
        ("unix:///r?pass=p=q&pass=s", "/r as -/s", "unix:///r?pass=***&pass=***"),
        ("unix:///r?pass=", "/r", "unix:///r?pass="),
    ] {
        check(text, expected, masked);
    }
}

#[test]
fn connection_strings() {
    for (text, expected) in [
        ("h", "h:6379"),
        ("h:7,", "h:7"),
        (",,h , k:8,,h", "h:6379 k:8"),
        ("[::1]:7,::1", "[::1]:7 [::1]:6379"),
        ("h,ssl=true", "h:6380 tls"),
        ("ssl=Yes,h:7", "h:7 tls"),
        ("h,SSL=1,SslHost = redis.example.com", "h:6380 tls name redis.example.com"),
        ("h,ssl=false,user=u", "h:6379 as u/-"),
        ("h,ssl=true,ssl=False", "h:6379"),
        ("s:1,t,serviceName=mymaster", "s:1 t:26379 master mymaster"),
        ("s,ssl=true,serviceName=m", "s:26379 tls master m"),
        ("h,channelPrefix=app:", "h:6379 prefix app:"),
        ("!/run/r.sock,name=x", "/run/r.sock"),
        ("h,user=,password=,serviceName=,sslHost=,channelPrefix=", "h:6379"),
        ("h,abortConnect=false,ABORTCONNECT=x,defaultDatabase=3,$CONFIG=,tunnel=http://p:1", "h:6379"),
    ] {
        check(text, expected, text);
    }
}

#[test]
fn connection_strings_with_a_password() {
    for (text, expected, masked) in [
        (
            "contoso5.redis.cache.windows.net:6380,password=Zm9v/+k=,ssl=True,abortConnect=False",
            "contoso5.redis.cache.windows.net:6380 as -/Zm9v/+k= tls",
            "contoso5.redis.cache.windows.net:6380,password=***,ssl=True,abortConnect=False",
        ),
        ("h,Password = a@b ,user=u", "h:6379 as u/a@b", "h,Password =***,user=u"),
        ("h,password=a,password=b==", "h:6379 as -/b==", "h,password=***,password=***"),
        ("h,password=redis://x", "h:6379 as -/redis://x", "h,password=***"),
        ("h,password=***", "h:6379 as -/***", "h,password=***"),
        (
            "s,serviceName=m,sentinelPassword=q,sentinelUser=w,password=p",
            "s:26379 as -/p master m sentinels as w/q",
            "s,serviceName=m,sentinelPassword=***,sentinelUser=w,password=***",
        ),
    ] {
        check(text, expected, masked);
    }
}

#[test]
fn every_option_of_the_client_is_known() {
    for name in stack_exchange::IGNORED {
        check(&format!("h,{name}=x"), "h:6379", &format!("h,{name}=x"));
    }
}

#[test]
fn texts_that_are_none_and_that_no_error_quotes() {
    for text in [
        "",
        " \t\n",
        "://",
        "://secret",
        "redis://",
        "redis:///0",
        "redis://:secret@",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:secret",
        "redis://h:-1",
        "redis://h/secret",
        "redis://h/-1",
        "redis://h/0/1",
        "redis://h/99999999999",
        "redis://0.0.0.0",
        "redis://[::]",
        "redis://[::1",
        "redis://h%41",
        "redis://h\\secret",
        "redis://a b",
        "redis://ä",
        "redis://h,k",
        "redis://h\0",
        "redis://:sec\r\nret@h",
        "redis://:sec\tret@h",
        "redis://:sec\u{7f}ret@h",
        "redis://:sec\u{85}ret@h",
        "redis://:%ff@h",
        // Passwords that are not percent-encoded.
        "redis://:secret/x@h",
        "redis://:12/secret@h",
        "redis://u:12/secret@h",
        "redis://u:12?secret=x@h",
        "redis://u:12#secret@h",
        "redis://h?pass=secret",
        "redis://h?password=secret",
        "redis://h?protocol=secret",
        "redis://h?db=secret",
        "redis://h?db=",
        "rediss://h#insecure",
        "rediss://h/#insecure",
        "rediss://h#",
        "http://h",
        "rediss+unix:///r",
        "redis-sentinel://h/secret",
        "unix://secret",
        "unix://secret/r",
        "unix://u:secret@/r",
        "unix://u:secret@localhost/r",
        "unix:///r?password=secret",
        "unix:///r%00",
        "unix:///r%0a",
        "unix:///r#secret",
        "unix://",
        // Connection strings.
        ",",
        "ssl=true",
        "=secret",
        "h,=secret",
        "h:0",
        "h:65536",
        "h:secret",
        "u:secret@h",
        "secret@h:1",
        "h k",
        "!r",
        "!",
        "!/r,ssl=true",
        "h,ssl=secret",
        "h,ssl=",
        "h,sec\nret=x",
        "h,password=a,secret",
        "h,password=a,secret=x",
        "h,password=a,,secret",
        "h,password=a,ssl=true,secret=x",
        "h,sentinelPassword=a,secret",
        "h,secret/+=x",
        "h,useSsl=secret",
    ] {
        let error = Target::parse(text).expect_err(text);
        assert!(!error.contains("secret") && !error.contains("sec\n"), "{text:?}: {error}");
        assert!(!error.is_empty() && !error.contains(char::is_control) && !error.contains("  "), "{error:?}");
    }
}

#[test]
fn errors_say_what_to_do() {
    for (text, part) in [
        ("rediss://h/#insecure", "redis.ca_file"),
        ("http://h", "scheme"),
        ("redis://u:1/2@h", "%2F"),
        ("h,abortConect=false", "option abortConect,"),
        ("h,password=x,abortConect=false", "element number 3"),
        ("h,password=x,y", "redis.password_file"),
        ("h,ssl=maybe", "neither true nor false"),
        ("user=x", "no server"),
    ] {
        let error = Target::parse(text).expect_err(text);
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn redis_on_this_machine() {
    assert_eq!(Target::parse("redis://127.0.0.1:6379").as_ref(), Ok(&Target::local()));
}

proptest! {
    #[test]
    fn a_password_never_shows(
        before in "((redis|rediss|unix)://(:|u:|/r[?]pass=)|h,(ssl=1,)?password=)[:@/?#&=,a1%]{0,4}",
        after in "[:@/?#&=,a1%]{0,4}(@h|,k|/1|&db=1|,user=v)?",
    ) {
        let text = format!("{before}secret{after}");
        match Target::parse(&text) {
            Ok(target) if target.password().is_some_and(|password| password.contains("secret")) => {
                prop_assert!(!target.masked().contains("secret"), "{text:?}: {}", target.masked());
            }
            Ok(_) => {}
            Err(error) => prop_assert!(!error.contains("secret"), "{text:?}: {error}"),
        }
    }

    #[test]
    fn a_password_is_taken_as_it_is(password in "\\PC{1,20}") {
        let encoded = utf8_percent_encode(&password, NON_ALPHANUMERIC);
        let target = Target::parse(&format!("redis://:{encoded}@h")).unwrap();
        prop_assert_eq!(target.password(), Some(password.as_str()));
        prop_assert_eq!(target.masked(), "redis://:***@h");
        let password = password.replace(',', "=");
        let target = Target::parse(&format!("h,password={password}")).unwrap();
        prop_assert_eq!(target.password().unwrap_or_default(), password.trim());
    }
}
