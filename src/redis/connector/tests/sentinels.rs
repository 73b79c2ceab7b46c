//! Masters that sentinels know.

use super::*;

fn with_sentinels(sentinels: &[&str]) -> Options {
    Options {
        sentinel: sentinels.iter().map(|&sentinel| sentinel.to_owned()).collect(),
        master_name: "mymaster".to_owned(),
        // Where there are sentinels, nobody listens here.
        ..options("redis://:secret@127.0.0.1:1")
    }
}

#[test]
fn sentinels_say_where_the_master_is() {
    let master = Server::start(&["requirepass secret"]);
    let sentinel = Server::start_sentinel(&master, &["sentinel auth-pass mymaster secret"]);
    let dead = format!("127.0.0.1:{}", free_port());
    let mut link = connect(&with_sentinels(&[&dead, &sentinel.address()])).unwrap();
    assert_eq!(link.peer(), master.address());
    assert_eq!(user(&mut link), bulk("default"));
    let as_string = format!("{},{dead},serviceName=mymaster,password=secret", sentinel.address());
    assert_eq!(connect(&options(&as_string)).unwrap().peer(), master.address());

    let unknown =
        Options { master_name: "other".to_owned(), ..with_sentinels(&[&dead, &sentinel.address()]) };
    let LinkError::NoSentinel(attempts) = connect(&unknown).unwrap_err() else { panic!("no sentinel") };
    assert!(matches!(attempts[0].1, LinkError::Connect(_)));
    assert!(matches!(attempts[1].1, LinkError::UnknownMaster));

    // What it says is not believed blindly.
    drop(master);
    let error = connect(&with_sentinels(&[&sentinel.address()])).unwrap_err();
    assert!(matches!(only(error), LinkError::Connect(_)));
    sentinel.pause();
    connect_in_time(&with_sentinels(&[&sentinel.address()]));
}

#[test]
fn sentinels_have_a_password_of_their_own() {
    let master = Server::start(&["requirepass secret"]);
    let sentinel = Server::start_sentinel(&master, &["requirepass other"]);
    let options = with_sentinels(&[&sentinel.address()]);
    let error = only_error(&options);
    assert!(matches!(&error, LinkError::Auth(_)), "{error}");
    let right = Options { sentinel_password: Secret("other".to_owned()), ..options.clone() };
    assert!(connect(&right).is_ok());
    let wrong = Options { sentinel_password: Secret("secret".to_owned()), ..options };
    assert!(matches!(only_error(&wrong), LinkError::Auth(_)));
    let as_string = format!(
        "{},serviceName=mymaster,password=secret,sentinelUser=default,sentinelPassword=other",
        sentinel.address()
    );
    assert!(connect(&Options { url: Target::parse(&as_string).unwrap(), ..right }).is_ok());
}

#[test]
fn a_sentinel_is_not_the_master() {
    let master = Server::start(&[]);
    let sentinel = Server::start_sentinel(&master, &[]);
    let error = only_error(&options(&sentinel.url()));
    assert_eq!(error.to_string(), "not a master but a sentinel");
    // Nor is a master a sentinel.
    let error = only_error(&with_sentinels(&[&master.address()]));
    assert_eq!(error.code(), Some("ERR"), "{error}");
}
