//! What a subscribed connection brings, in RESP2 and in RESP3 (Redis documentation, Pub/Sub and RESP).

use redis::{PushKind, Value};

use super::error::LinkError;

/// Something that came.
#[derive(Debug)]
pub(super) enum Received {
    /// A message.
    Message { channel: Vec<u8>, payload: Vec<u8> },
    /// A subscription is confirmed.
    Confirmed,
    /// A subscription ended.
    Unsubscribed,
    /// The answer to PING.
    Pong,
    /// The answer to ROLE.
    Role(Value),
    /// An error.
    Error(LinkError),
    /// Something else that a server may send.
    Other,
}

/// What a value is on a subscribed connection.
pub(super) fn classify(value: Value) -> Received {
    match value {
        Value::Push { kind, data } => push(&kind, data),
        Value::SimpleString(_) => Received::Pong,
        Value::ServerError(error) => Received::Error(LinkError::from(&error)),
        Value::Array(parts) => array(parts),
        _ => Received::Other,
    }
}

fn push(kind: &PushKind, data: Vec<Value>) -> Received {
    match kind {
        PushKind::Message => message(data),
        PushKind::PMessage => message(data.into_iter().skip(1)),
        PushKind::Subscribe | PushKind::PSubscribe => Received::Confirmed,
        PushKind::Unsubscribe | PushKind::PUnsubscribe => Received::Unsubscribed,
        _ => Received::Other,
    }
}

/// In RESP2 everything is an array that begins with its kind.
fn array(parts: Vec<Value>) -> Received {
    let Some(Value::BulkString(kind)) = parts.first() else { return Received::Other };
    match kind.as_slice() {
        b"message" => message(parts.into_iter().skip(1)),
        b"pmessage" => message(parts.into_iter().skip(2)),
        b"subscribe" | b"psubscribe" => Received::Confirmed,
        b"unsubscribe" | b"punsubscribe" => Received::Unsubscribed,
        b"pong" => Received::Pong,
        b"master" | b"slave" | b"sentinel" => Received::Role(Value::Array(parts)),
        _ => Received::Other,
    }
}

/// A channel and a payload.
fn message(parts: impl IntoIterator<Item = Value>) -> Received {
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next()) {
        (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) => {
            Received::Message { channel, payload }
        }
        _ => Received::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Received {
        classify(redis::parse_redis_value(bytes).unwrap())
    }

    #[test]
    fn both_protocols_say_the_same() {
        for bytes in [
            b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n{}\r\n".as_slice(),
            b"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$2\r\n{}\r\n",
            b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n{}\r\n",
            b">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$2\r\n{}\r\n",
        ] {
            let received = parse(bytes);
            let is_right = matches!(&received, Received::Message { channel, payload } if channel == b"c" && payload == b"{}");
            assert!(is_right, "{received:?}");
        }
        for bytes in [
            b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n".as_slice(),
            b">3\r\n$10\r\npsubscribe\r\n$1\r\nc\r\n:1\r\n",
        ] {
            assert!(matches!(parse(bytes), Received::Confirmed));
        }
        for bytes in [b"+PONG\r\n".as_slice(), b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"] {
            assert!(matches!(parse(bytes), Received::Pong));
        }
        for bytes in [
            b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n".as_slice(),
            b">3\r\n$12\r\npunsubscribe\r\n$1\r\nc\r\n:0\r\n",
        ] {
            assert!(matches!(parse(bytes), Received::Unsubscribed));
        }
        assert!(matches!(parse(b"-NOPERM no\r\n"), Received::Error(error) if error.code() == Some("NOPERM")));
        assert!(matches!(parse(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"), Received::Role(_)));
        assert!(matches!(parse(b"*1\r\n$7\r\nmessage\r\n"), Received::Other));
    }
}
