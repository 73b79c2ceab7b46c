//! The options of every client: how it proves who it is, and whom it trusts.
//!
//! A token is never shown, neither in an error nor in a log.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches};
use ureq::http::{HeaderName, HeaderValue, header};

use super::environment;
use crate::client::{Address, Error, Options, Token};
use crate::config::TOKEN_VARIABLE;

/// The options.
pub(super) fn args() -> Vec<Arg> {
    let heading = "Connection";
    vec![
        Arg::new("token")
            .long("token")
            .value_name("TOKEN")
            .help(format!(
                "Send this token (Authorization: Bearer). Others on this machine can see it in the list of \
                 processes: --token-file and the environment are better [env: {TOKEN_VARIABLE}]"
            ))
            .help_heading(heading),
        Arg::new("token-file")
            .long("token-file")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .conflicts_with("token")
            .help("Send the token in this file, which is read for each request: it may be replaced")
            .help_heading(heading),
        Arg::new("header")
            .long("header")
            .value_name("NAME: VALUE")
            .action(ArgAction::Append)
            .help("Send this header as well; may be repeated")
            .help_heading(heading),
        Arg::new("ca-file")
            .long("ca-file")
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .help("Trust the authorities in this file (PEM) instead of the system's")
            .help_heading(heading),
        Arg::new("insecure")
            .long("insecure")
            .action(ArgAction::SetTrue)
            .conflicts_with("ca-file")
            .help(
                "Take any certificate. DANGEROUS: whoever is between you and the server can read and forge \
                 everything; no token is sent beyond this machine. --ca-file is what you want",
            )
            .help_heading(heading),
    ]
}

/// What the options say, and what is to be said about them.
pub(super) fn read(
    matches: &ArgMatches,
    address: &Address,
    silence: Option<Duration>,
) -> Result<(Options, Vec<String>), String> {
    let mut headers = Vec::new();
    for text in matches.get_many::<String>("header").into_iter().flatten() {
        headers.push(header_of(text)?);
    }
    let token = token(matches).map_err(|error| error.to_string())?;
    let has_secret = token.is_some() || headers.iter().any(|(name, _)| *name == header::AUTHORIZATION);
    let insecure = matches.get_flag("insecure");
    if insecure && has_secret && !address.is_loopback() {
        return Err(
            "--insecure would give the token to whoever answers: leave out one of them, or name the \
                    server's authority with --ca-file"
                .to_owned(),
        );
    }
    let mut warnings = Vec::new();
    if insecure && address.is_tls() {
        warnings.push(
            "--insecure: the server's certificate is not checked; whoever is in between can read and forge \
             everything"
                .to_owned(),
        );
    }
    if has_secret && !address.is_tls() && !address.is_loopback() {
        warnings.push(format!("the token goes to {} unencrypted: use https", address.authority()));
    }
    let ca_file = matches.get_one::<PathBuf>("ca-file").cloned();
    Ok((Options { token, headers, ca_file, insecure, silence }, warnings))
}

fn token(matches: &ArgMatches) -> Result<Token, Error> {
    if let Some(token) = matches.get_one::<String>("token") {
        return Token::given(token);
    }
    if let Some(path) = matches.get_one::<PathBuf>("token-file") {
        return Token::in_file(path);
    }
    match environment(TOKEN_VARIABLE).filter(|token| !token.is_empty()) {
        Some(token) => Token::given(&token),
        None => Ok(Token::None),
    }
}

fn header_of(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    // The value may be a secret: it is not shown.
    let wrong = || "--header takes NAME: VALUE, such as 'X-Shop: 7'".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
    if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(&name) {
        return Err(format!("--header {name}: this one is not yours to set"));
    }
    Ok((name, value.trim().parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    fn read_args(url: &str, args: &[&str]) -> Result<(Options, Vec<String>), String> {
        let command = Command::new("x").args(super::args());
        let matches = command.try_get_matches_from([&["x"], args].concat()).unwrap();
        read(&matches, &Address::parse(url, "/events").unwrap(), None)
    }

    #[test]
    fn a_token_becomes_a_header_and_is_never_shown() {
        let (options, warnings) = read_args("https://a", &["--token", "abc.DEF-_~+/="]).unwrap();
        let Token::Given(header) = &options.token else { panic!("no token") };
        assert_eq!(header.to_str().unwrap(), "Bearer abc.DEF-_~+/=");
        assert!(!format!("{options:?}").contains("abc.DEF") && warnings.is_empty());
        for bad in ["", "a b", "a\nb", "ä"] {
            let error = read_args("https://a", &["--token", bad]).unwrap_err();
            assert!(error.contains("visible ASCII"), "{error}");
        }
    }

    #[test]
    fn a_secret_on_its_way_to_others_is_warned_of() {
        assert_eq!(read_args("http://a", &["--token", "x"]).unwrap().1.len(), 1);
        assert_eq!(read_args("http://127.0.0.1:1", &["--token", "x"]).unwrap().1.len(), 0);
        assert_eq!(read_args("https://a", &["--insecure"]).unwrap().1.len(), 1);
        assert!(read_args("https://a", &["--insecure", "--token", "x"]).is_err());
        assert!(read_args("https://a", &["--insecure", "--header", "authorization: x"]).is_err());
        assert!(read_args("https://localhost", &["--insecure", "--token", "x"]).is_ok());
    }

    #[test]
    fn headers_are_checked() {
        let (options, _) = read_args("http://a", &["--header", "X-Shop: 7", "--header=A:b:c"]).unwrap();
        let headers: Vec<_> =
            options.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(headers, [("x-shop", "7"), ("a", "b:c")]);
        for bad in ["x", "x y: 1", ": 1", "a: b\r\nc: d", "Content-Length: 1"] {
            assert!(read_args("http://a", &["--header", bad]).is_err(), "{bad}");
        }
    }
}
