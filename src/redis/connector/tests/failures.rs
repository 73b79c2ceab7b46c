//! Nobody is there, or nobody who answers in time.

use super::*;

#[test]
fn nobody_listens() {
    let error = only_error(&options(&format!("redis://127.0.0.1:{}", free_port())));
    assert!(matches!(&error, LinkError::Connect(_)), "{error}");
    let error = only_error(&options("unix:///does/not/exist"));
    assert!(matches!(&error, LinkError::Connect(_)), "{error}");
    let error = only_error(&options("redis://no-such-name.invalid"));
    assert!(matches!(&error, LinkError::Connect(_)), "{error}");
}

#[test]
fn too_many_clients() {
    let server = Server::start(&["maxclients 1"]);
    let options = options(&server.url());
    let deadline = Instant::now() + PATIENCE;
    let first = loop {
        match connect(&options) {
            Ok(link) => break link,
            // The fixture's own look at the server is still counted.
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    for _ in 0..20 {
        let error = only_error(&options);
        assert_eq!(error.to_string(), "refused: ERR max number of clients reached");
    }
    drop(first);
}

#[test]
fn a_server_that_is_stopped_costs_one_timeout() {
    let server = Server::start(&[]);
    let over_tcp = options(&server.url());
    let mut link = connect(&over_tcp).unwrap();
    server.pause();
    assert!(matches!(connect_in_time(&over_tcp), LinkError::TimedOut("reply")));
    connect_in_time(&Options { protocol: Protocol::Resp2, ..over_tcp });
    connect_in_time(&options(&format!("unix://{}", server.socket_file().display())));
    // Dropping waits for nobody.
    let start = Instant::now();
    link.set_timeout(Duration::from_millis(50));
    assert_eq!(link.receive(&mut || {}).unwrap(), None);
    drop(link);
    assert!(start.elapsed() < Duration::from_secs(2));
    server.go_on();
    assert!(connect(&options(&server.url())).is_ok());
}

#[test]
fn a_server_that_is_stopped_costs_one_timeout_with_tls_too() {
    let authority = Authority::new();
    let server = Server::start_tls(&authority, &["tls-auth-clients no"]);
    let options = with_tls(&server, &authority);
    assert!(connect(&options).is_ok());
    server.pause();
    assert!(matches!(connect_in_time(&options), LinkError::TimedOut("TLS handshake")));
}

#[test]
fn replies_that_trickle_in_cost_one_timeout() {
    for protocol in [Protocol::Auto, Protocol::Resp2] {
        let (address, thread) = fake(|_, mut stream| {
            // A byte of a reply that never ends, again and again.
            while stream.write_all(b"+").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let error = connect_in_time(&Options { protocol, ..options(&format!("redis://:p@{address}")) });
        assert!(matches!(error, LinkError::TimedOut("reply")));
        thread.join().unwrap();
    }
}
