//! Tokens and the keys of JSON Web Tokens: reading, checking and writing them.
//!
//! No error quotes a token or a key. Reads no file: `auth` does.

use std::path::PathBuf;

use super::suggest;
use super::value::{Value, quote};
use crate::auth::{Algorithm, KeySource, Material, TOKENS_MAX, TokenHash};

/// What an entry of `auth.jwt` consists of.
const PARTS: [&str; 7] = ["alg", "key_file", "key", "jwks_file", "kid", "aud", "iss"];

/// Reads static tokens.
pub(super) fn read_tokens(value: &Value) -> Result<Vec<TokenHash>, String> {
    let words = match value {
        Value::Word(word) if word.trim().is_empty() => Vec::new(),
        Value::Word(word) => word.split(',').map(str::trim).collect(),
        Value::List(items) => texts(items).ok_or("has something that is not a string")?,
        _ => return Err("is not an array".to_owned()),
    };
    if words.len() > TOKENS_MAX {
        return Err(format!("has {} tokens", words.len()));
    }
    let numbered = words.iter().enumerate();
    numbered
        .map(|(at, word)| {
            TokenHash::parse(word).map_err(|why| format!("has a token (number {}) that {why}", at + 1))
        })
        .collect()
}

/// Tokens as TOML; only their hashes are known.
pub(super) fn write_tokens(tokens: &[TokenHash]) -> String {
    let quoted: Vec<String> = tokens.iter().map(|token| quote(&token.shown())).collect();
    format!("[{}]", quoted.join(", "))
}

/// Reads the sources of keys; the error says which entry is wrong and why.
pub(super) fn read_keys(value: &Value) -> Result<Vec<KeySource>, String> {
    let Value::List(items) = value else { return Err("is not an array of tables".to_owned()) };
    let numbered = items.iter().enumerate();
    numbered.map(|(at, item)| read_key(item).map_err(|why| format!("entry {}: {why}", at + 1))).collect()
}

fn read_key(item: &Value) -> Result<KeySource, String> {
    let Value::Table(parts) = item else { return Err("is not a table".to_owned()) };
    if let Some((name, _)) = parts.iter().find(|(name, _)| !PARTS.contains(&name.as_str())) {
        return Err(format!("unknown key {}{}", quote(name), suggest::hint(name, PARTS)));
    }
    let part = |name: &str| parts.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let text = |name: &str| match part(name).map(Value::text) {
        None => Ok(None),
        Some(Some(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(format!("{name} must be a string that is not empty")),
    };
    let algorithm = text("alg")?.map(read_algorithm).transpose()?;
    let material = match (text("key_file")?, text("key")?, text("jwks_file")?) {
        (Some(path), None, None) => Material::File(PathBuf::from(path)),
        (None, Some(key), None) => Material::Inline(key.to_owned()),
        (None, None, Some(path)) => Material::KeySet(PathBuf::from(path)),
        _ => return Err("needs exactly one of key_file, key and jwks_file".to_owned()),
    };
    let is_set = matches!(material, Material::KeySet(_));
    if algorithm.is_none() && !is_set {
        return Err(format!("alg is missing: one of {}", algorithms()));
    }
    let kid = text("kid")?.map(str::to_owned);
    if kid.is_some() && is_set {
        return Err("kid is in the key set: leave it out".to_owned());
    }
    let issuer = text("iss")?.map(str::to_owned);
    Ok(KeySource { algorithm, material, kid, audience: read_audience(part("aud"))?, issuer })
}

fn read_algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::of(name).ok_or_else(|| format!("alg {} is not one of {}", quote(name), algorithms()))
}

fn algorithms() -> String {
    Algorithm::ALL.map(Algorithm::name).join(", ")
}

fn read_audience(value: Option<&Value>) -> Result<Vec<String>, String> {
    let found = match value {
        None => return Ok(Vec::new()),
        Some(Value::List(items)) => texts(items),
        Some(value) => value.text().map(|one| vec![one]),
    };
    let found = found.filter(|found| !found.is_empty() && !found.contains(&""));
    let names = found.ok_or("aud must be a string or an array of strings, none of them empty")?;
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn texts(items: &[Value]) -> Option<Vec<&str>> {
    items.iter().map(Value::text).collect()
}

/// The sources as a TOML array of inline tables, one a line. A key that stands here is shown as its hash, so that a
/// change of it is seen, or not at all.
pub(super) fn write_keys(sources: &[KeySource], is_masked: bool) -> String {
    if sources.is_empty() {
        return "[]".to_owned();
    }
    let lines: String =
        sources.iter().map(|source| format!("  {},\n", write_key(source, is_masked))).collect();
    format!("[\n{lines}]")
}

fn write_key(source: &KeySource, is_masked: bool) -> String {
    let mut parts = Vec::new();
    let mut part = |name: &str, value: String| parts.push(format!("{name} = {value}"));
    if let Some(algorithm) = source.algorithm {
        part("alg", quote(algorithm.name()));
    }
    match &source.material {
        Material::File(path) => part("key_file", quote(&path.to_string_lossy())),
        Material::Inline(_) if is_masked => part("key", quote("***")),
        Material::Inline(key) => part("key", quote(&TokenHash::of(key).shown())),
        Material::KeySet(path) => part("jwks_file", quote(&path.to_string_lossy())),
    }
    if let Some(kid) = &source.kid {
        part("kid", quote(kid));
    }
    if !source.audience.is_empty() {
        let names: Vec<String> = source.audience.iter().map(|name| quote(name)).collect();
        part("aud", format!("[{}]", names.join(", ")));
    }
    if let Some(issuer) = &source.issuer {
        part("iss", quote(issuer));
    }
    format!("{{ {} }}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::inline_value;

    fn keys(toml: &str) -> Result<Vec<KeySource>, String> {
        read_keys(&inline_value(toml).unwrap())
    }

    #[test]
    fn tokens_are_read_from_a_list_or_a_word_and_never_shown() {
        let two = vec![TokenHash::of("first-token-of-two"), TokenHash::of("second-token-of-2")];
        let list = inline_value(r#"["first-token-of-two", "second-token-of-2"]"#).unwrap();
        assert_eq!(read_tokens(&list), Ok(two.clone()));
        assert_eq!(
            read_tokens(&Value::Word("first-token-of-two, second-token-of-2".into())),
            Ok(two.clone())
        );
        assert_eq!(read_tokens(&Value::Word(String::new())), Ok(Vec::new()));
        assert_eq!(read_tokens(&inline_value(&write_tokens(&two)).unwrap()), Ok(two));
        for bad in [r#"["short-secret"]"#, r#"["first-token-of-two", "bad secret token"]"#, "[1]", "5"] {
            let error = read_tokens(&inline_value(bad).unwrap()).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
        let many = vec![Value::Text("x".repeat(20)); TOKENS_MAX + 1];
        assert!(read_tokens(&Value::List(many)).is_err());
    }

    #[test]
    fn keys_are_read_and_written() {
        let toml = r#"[
            { alg = "HS256", key = "secret-key", kid = "a" },
            { alg = "ES256", key_file = "/k.pem", aud = "us", iss = "https://them" },
            { jwks_file = "set.json", aud = ["us", "all"] },
            { alg = "RS256", jwks_file = "set.json" },
        ]"#;
        let read = keys(toml).unwrap();
        assert_eq!(read.len(), 4);
        assert_eq!((read[1].audience.len(), read[2].audience.len()), (1, 2));
        let written = write_keys(&read, true);
        assert!(written.contains("key = \"***\"") && !written.contains("secret-key"), "{written}");
        assert!(!write_keys(&read, false).contains("secret-key"));
        let mut again = keys(&written).unwrap();
        again[0].material = read[0].material.clone();
        assert_eq!(again, read);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (toml, problem) in [
            ("[1]", "entry 1: is not a table"),
            (r#"[{ alg = "none", key = "x" }]"#, "alg \"none\" is not one of HS256"),
            (r#"[{ alg = "hs256", key = "x" }]"#, "is not one of"),
            (r#"[{ key = "x" }]"#, "alg is missing"),
            (r#"[{ alg = "HS256" }]"#, "exactly one of"),
            (r#"[{ alg = "HS256", key = "x", key_file = "y" }]"#, "exactly one of"),
            (r#"[{ alg = "HS256", key = "x", algo = "y" }]"#, "unknown key \"algo\""),
            (r#"[{ alg = "HS256", key = "" }]"#, "key must be a string that is not empty"),
            (r#"[{ alg = "HS256", key = "x", aud = [] }]"#, "aud must be"),
            (r#"[{ alg = "HS256", key = "x", aud = 5 }]"#, "aud must be"),
            (r#"[{ jwks_file = "x", kid = "y" }]"#, "kid is in the key set"),
            ("{}", "is not an array of tables"),
        ] {
            let error = keys(toml).unwrap_err();
            assert!(error.contains(problem), "{toml}: {error}");
        }
    }
}
