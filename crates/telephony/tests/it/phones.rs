//! The registrar, and phones that register with it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use telephony::embedded::Config;
use telephony::port::{Account, Command, Destination, Event, Originate};

use crate::support::{Phones, Side, config, originate};

fn phones() -> Phones {
    Phones(HashMap::from([("7001".to_owned(), "secret".to_owned())]))
}

fn account(registrar: SocketAddr, password: &str, expires_s: u64) -> Command {
    Command::Register(Account {
        registrar: format!("sip:{registrar}"),
        username: "7001".to_owned(),
        password: password.to_owned(),
        expires: Duration::from_secs(expires_s),
    })
}

async fn phone_state(side: &mut Side) -> (String, bool) {
    side.until(|event| match event {
        Event::Phone {
            extension,
            registered,
        } => Some((extension, registered)),
        _ => None,
    })
    .await
}

async fn account_state(side: &mut Side) -> bool {
    side.until(|event| match event {
        Event::Account {
            username,
            registered,
        } => {
            assert_eq!(username, "7001");
            Some(registered)
        }
        _ => None,
    })
    .await
}

fn to_extension(key: &str, extension: &str) -> Originate {
    Originate {
        destination: Destination::Extension(extension.to_owned()),
        ..originate(key)
    }
}

#[tokio::test]
async fn a_phone_registers_is_called_and_leaves() {
    let mut server = Side::start_with(config(0), phones()).await;
    let mut phone = Side::start(config(0)).await;
    phone.send(account(server.address, "secret", 60));
    assert!(account_state(&mut phone).await);
    assert_eq!(phone_state(&mut server).await, ("7001".to_owned(), true));
    let out = server.originate(to_extension("c1.1.a1", "7001"));
    let (incoming, called, ..) = phone.incoming().await;
    assert_eq!(called, "7001");
    phone.send(Command::Answer {
        call: incoming.clone(),
    });
    server.answered(&out).await;
    phone.telephony.shutdown().await;
    assert_eq!(phone_state(&mut server).await, ("7001".to_owned(), false));
    server.empty().await;
}

#[tokio::test]
async fn a_phone_behind_tcp_is_called_on_its_own_stream() {
    let mut server = Side::start_with(config(0), phones()).await;
    let mut phone = Side::start(config(0)).await;
    phone.send(Command::Register(Account {
        registrar: format!("sip:{};transport=tcp", server.address),
        username: "7001".to_owned(),
        password: "secret".to_owned(),
        expires: Duration::from_secs(60),
    }));
    assert!(account_state(&mut phone).await);
    let out = server.originate(to_extension("c1.1.a1", "7001"));
    let (incoming, ..) = phone.incoming().await;
    phone.send(Command::Answer {
        call: incoming.clone(),
    });
    server.answered(&out).await;
    phone.answered(&incoming).await;
    server.hang_up(&out, telephony::port::HangUpCause::Normal);
    phone.ended(&incoming).await;
    server.ended(&out).await;
    server.empty().await;
    phone.empty().await;
}

#[tokio::test]
async fn a_wrong_password_and_a_stranger_are_refused() {
    let mut server = Side::start_with(config(0), phones()).await;
    let mut phone = Side::start(config(0)).await;
    phone.send(account(server.address, "guess", 60));
    assert!(!account_state(&mut phone).await);
    phone.send(Command::Register(Account {
        registrar: format!("sip:{}", server.address),
        username: "7001".to_owned(),
        password: String::new(),
        expires: Duration::from_secs(60),
    }));
    assert!(!account_state(&mut phone).await);
    let out = server.originate(to_extension("c1.1.a1", "7001"));
    let ended = server.ended(&out).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status),
        (7, "not_registered", 480)
    );
    server.empty().await;
}

#[tokio::test]
async fn a_registration_is_refreshed_and_runs_out_when_the_phone_is_gone() {
    let mut server = Side::start_with(config(0), phones()).await;
    let phone = Side::start(config(0)).await;
    phone.send(account(server.address, "secret", 2));
    assert_eq!(phone_state(&mut server).await, ("7001".to_owned(), true));
    // longer than the lifetime: only a refresh keeps it
    let quiet = tokio::time::timeout(Duration::from_millis(2_500), phone_state(&mut server)).await;
    assert!(quiet.is_err(), "{quiet:?}");
    drop(phone);
    assert_eq!(phone_state(&mut server).await, ("7001".to_owned(), false));
}

#[tokio::test]
async fn a_lifetime_that_is_too_short_is_raised() {
    let limits = sip::registrar::Policy {
        expires_min_s: 30,
        ..Default::default()
    };
    let server_config = Config {
        registrar: limits,
        ..config(0)
    };
    let mut server = Side::start_with(server_config, phones()).await;
    let mut phone = Side::start(config(0)).await;
    phone.send(account(server.address, "secret", 2));
    assert!(account_state(&mut phone).await);
    assert_eq!(phone_state(&mut server).await, ("7001".to_owned(), true));
}

#[tokio::test]
async fn too_many_new_dialogs_of_one_source_are_refused() {
    let limits = sip::admission::Limits {
        per_source_rate: 1,
        per_source_burst: 2,
        half_open_max: 0,
    };
    let mut peer = Side::start(Config {
        admission: limits,
        ..config(0)
    })
    .await;
    let mut own = config(0);
    own.trunks.push(crate::support::trunk(peer.address));
    let mut side = Side::start(own).await;
    for n in 0..2 {
        side.call(&format!("c{n}.1"));
        peer.incoming().await;
    }
    let third = side.call("c3.1");
    let ended = side.ended(&third).await;
    assert_eq!((ended.status, ended.detail), (503, "network"));
}
