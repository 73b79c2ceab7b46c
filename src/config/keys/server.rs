//! `[server]`: where it listens, for whom, and who it is.

use super::Section;
use super::key::{Key, fixed, key};
use super::notation::{HOUR, at, millis};
use crate::address::Trusted;
use crate::config::kind::Kind;
use crate::http::Hosts;

pub(super) static SECTION: Section = Section { name: "server", title: "Server", keys: KEYS };

const KEYS: &[Key] = &[
    fixed(
        "server.listen",
        Kind::Address(at!(server.listen)),
        "Where to listen. Port 0 takes a free one. Beyond loopback, publishing there needs tokens or \
         auth.open_publish, or it moves to server.admin_listen.",
    ),
    fixed(
        "server.admin_listen",
        Kind::Endpoint(at!(server.admin_listen)),
        "Where publishing, metrics, health and administration are, such as 127.0.0.1:9090 or \
         unix:/run/ssecast/admin.sock. The address of server.listen then has the streams and /diagnose only, and all \
         else is 404 there. When empty, everything is there.",
    ),
    fixed(
        "server.admin_socket_mode",
        Kind::FileMode(at!(server.admin_socket_mode)),
        "The mode of the socket file of server.admin_listen: who may write to it may do everything.",
    ),
    fixed(
        "server.reuse_port",
        Kind::Switch(at!(server.reuse_port)),
        "Share the port of server.listen with other processes of the same user that have this switched on, too \
         (SO_REUSEPORT): the system spreads new connections over them. That another one runs by mistake is then not \
         noticed. \
         Events reach the clients of all processes in the modes fanout and redis only. See docs/processes.md.",
    ),
    fixed(
        "server.instance",
        Kind::Instance(at!(server.instance)),
        "The name of this server in the ids of events. When empty, 8 random hex digits at every start: \
         a client then sees that the server is a new one. Two servers must not share a name.",
    ),
    key(
        "server.drain",
        Kind::DurationOrOff(at!(server.drain), millis(1, HOUR)),
        "When it stops: over how long the streams are closed, so that the clients do not all reconnect \
         at once. Off closes them at once.",
    ),
    key(
        "server.hosts",
        Kind::List(at!(server.hosts), "hosts (host or host:port)", Hosts::check_entry),
        "Hosts that are answered for: the names and addresses that clients use in URLs. A request for another one \
         gets 421, so that no page of a stranger reaches the server under a name of its own (DNS rebinding); \
         /healthz and /readyz answer for all. When empty, all are answered for. Behind a proxy these are the names \
         that the proxy passes on. See docs/limits.md.",
    ),
    key(
        "server.trusted_proxies",
        Kind::List(
            at!(server.trusted_proxies),
            "addresses, networks (10.0.0.0/8) and unix",
            Trusted::check_entry,
        ),
        "Proxies in front that name their client in X-Forwarded-For: the last address there that is none of these \
         is the client, for the log, /clients and every limit per address. unix is whoever comes by a socket file. \
         The header of anybody else is not looked at. See docs/limits.md.",
    ),
];
