//! Who seems to call: the customer's phone and the agent's phone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use telephony::embedded::{Config, Embedded, SipTimers, Started};
use telephony::media_engine::MediaConfig;
use telephony::port::{Account, Command, Event, EventKind, PhoneDirectory, Telephony};
use testkit::{PATIENCE, Receiver, Server, Sipp};

use crate::common::{agents, server, service};

struct Nobody;

impl PhoneDirectory for Nobody {
    fn password(&self, _extension: &str) -> Option<String> {
        None
    }
}

/// A phone of kim that is registered with the server.
async fn phone(server: &mut Server) -> Started {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (first, last) = server.ports.range(8);
    let phone = Embedded::start(
        Config {
            listen: SocketAddr::new(local, 0),
            external_address: None,
            realm: "phone".to_owned(),
            media: MediaConfig {
                bind: local,
                advertised: local,
                ports: first..=last,
                threads: 1,
            },
            trunks: Vec::new(),
            user_agent: "phone".to_owned(),
            timers: SipTimers::default(),
            admission: sip::admission::Limits::default(),
            allow_sources: vec!["127.0.0.0/8".parse().expect("a network")],
            registrar: sip::registrar::Policy::default(),
        },
        Arc::new(Nobody),
    )
    .await
    .expect("the phone has free ports");
    let account = Account {
        registrar: format!("sip:{}", server.sip()),
        username: "7001".to_owned(),
        password: "secret-kim".to_owned(),
        expires: Duration::from_secs(60),
    };
    phone
        .telephony
        .send(Command::Register(account))
        .expect("an idle phone takes commands");
    server.api.registered("kim").await;
    phone
}

/// Who calls the agent's phone.
async fn calling(phone: &mut Started) -> String {
    let wait = async {
        loop {
            match phone.events.recv().await.expect("the phone runs") {
                Event::Call {
                    kind: EventKind::Incoming { calling, .. },
                    ..
                } => return calling,
                _ => continue,
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("a call in time")
}

/// Numbers seen by the customer (From, P-Asserted-Identity) and by the agent.
async fn seen(extra: &[&str]) -> (String, String, String) {
    let mut ports = testkit::Ports::block();
    let customer = Sipp::scenario("customer_human").expect("asked for before");
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let mut server = server(customer.port).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let ring = ["_ixn_createcall_timeout = 10", "_prefix_dial_out = 9"];
    let services = service("desk", &receiver, &[&ring, extra].concat());
    server.api.import_services(&services).await;
    let mut phone = phone(&mut server).await;
    server.api.set_agent("kim", "ready").await;
    server.api.call_back("desk", "5115").await;
    let agent = calling(&mut phone).await;
    let invite = &customer.received("INVITE")[0];
    let part = |name: &str| {
        let value = invite.header(name).to_owned();
        value.split(";tag=").next().unwrap_or_default().to_owned()
    };
    (part("From"), part("P-Asserted-Identity"), agent)
}

#[tokio::test]
async fn the_agent_sees_the_customer_and_the_customer_whom_the_service_names() {
    testkit::require!(testkit::sipp());
    let (from, asserted, agent) = seen(&[
        "_calling_party_number = 4930111222",
        "_calling_party_display_name = Example Shop",
    ])
    .await;
    assert_eq!(from, "\"Example Shop\" <sip:4930111222@127.0.0.1>");
    assert_eq!(asserted, from);
    // Without the prefix that was dialed.
    assert_eq!(agent, "5115");
}

#[tokio::test]
async fn the_digits_of_the_redirect_hints_are_shown_to_the_agent() {
    testkit::require!(testkit::sipp());
    let hints = r#"_ixn_redirect_hints = {"extensions":{"CPNDigits":"4930555010"}}"#;
    let (from, asserted, agent) = seen(&[hints]).await;
    assert_eq!(agent, "4930555010");
    assert_eq!(
        (from.as_str(), asserted.as_str()),
        ("<sip:ringback@127.0.0.1>", "")
    );
}
