//! The server behind Kamailio: the carrier's side and the agents' side of a site.

use std::time::Duration;

use testkit::{
    Baresip, KAMAILIO_PASSWORD, Kamailio, KamailioOptions, Message, PATIENCE, Phone, Receiver,
    Server, Sipp, audio, until,
};

use crate::common::{PROGRAM, agents, check, service};

/// Time from the request to two people talking.
const TALKING: Duration = Duration::from_secs(40);
const RING: &str = "_ixn_createcall_timeout = 10";
const SUCCESS: [&str; 8] = [
    "service_create",
    "virtual_ixn_create",
    "dial_init",
    "dial_done(0,1)",
    "customer_queued",
    "target_found",
    "route_to_agent",
    "service_exit",
];

/// The server with one trunk to the proxy, the service `desk` and the agent kim.
async fn site(trunk: (u16, &str), receiver: &Receiver) -> Server {
    let server = Server::builder(PROGRAM)
        .trunk_with("carrier", trunk.0, trunk.1)
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let services = service("desk", receiver, &[RING]);
    server.api.import_services(&services).await;
    server
}

async fn trunk_is_up(server: &Server, reason: &str) {
    until("the trunk is up", PATIENCE, async || {
        let trunks = server.api.get("/api/v1/trunks").await;
        let trunk = &trunks.body["trunks"][0];
        (trunk["up"] == true && trunk["reason"] == reason).then_some(())
    })
    .await;
}

/// Kim's phone, registered by way of `registrar`.
async fn phone(server: &mut Server, registrar: &str, say: &[i16]) -> Baresip {
    let phone = Phone {
        say,
        ..Phone::agent("7001", registrar, "secret-kim")
    };
    let phone = Baresip::start(phone, &mut server.ports).await;
    server.api.registered("kim").await;
    server.api.set_agent("kim", "ready").await;
    phone
}

/// A callback that the agent ends; what the customer's phone received.
async fn call_back(
    server: &Server,
    customer: &Sipp,
    kim: &Baresip,
    receiver: &Receiver,
) -> Message {
    let id = server.api.call_back("desk", "5115").await;
    server.api.state(&id, "PROCESSING", TALKING).await;
    // The customer says hello again and again; the agent hears a voice.
    until("the agent hears the customer", PATIENCE, async || {
        let loud = kim
            .heard()
            .iter()
            .filter(|s| s.unsigned_abs() > 2_000)
            .count();
        (loud > 800).then_some(())
    })
    .await;
    kim.hang_up().await;
    let notes = receiver.whole(&id, PATIENCE).await;
    check(&notes, &SUCCESS, "AGENT_CONNECTED");
    customer.wait_for("BYE", PATIENCE).await;
    assert_eq!(customer.calls().len(), 1);
    customer.received("INVITE").remove(0)
}

#[tokio::test]
async fn a_callback_goes_through_a_proxy_that_asks_for_a_password() {
    testkit::require!(testkit::kamailio(), testkit::sipp(), testkit::baresip());
    let mut ports = testkit::Ports::block();
    let customer = Sipp::scenario("customer_human").unwrap();
    let customer = customer.start(&mut ports).await;
    let options = KamailioOptions {
        password: true,
        ..KamailioOptions::default()
    };
    let proxy = Kamailio::start(options, &mut ports).await;
    proxy.register("5115", customer.port).await;
    let receiver = Receiver::start().await;
    let account = format!(
        "register = true\nusername = \"ringback\"\npassword = \"{KAMAILIO_PASSWORD}\"\n\
         caller_id = \"4930111\"\noptions_ping_s = 1"
    );
    let mut server = site((proxy.port, &account), &receiver).await;
    trunk_is_up(&server, "registered").await;
    let registrar = server.sip();
    let kim = phone(&mut server, &registrar, &audio::tone(1000.0, 60_000, 8000)).await;

    let invite = call_back(&server, &customer, &kim, &receiver).await;

    // It came through the proxy, which stays in the route and keeps the credentials.
    let through = format!("<sip:127.0.0.1:{};lr", proxy.port);
    assert!(
        invite.header("Record-Route").starts_with(&through),
        "{invite:?}"
    );
    assert_eq!(invite.text.matches("\nVia:").count(), 2, "{invite:?}");
    assert_eq!(invite.header("Proxy-Authorization"), "");
    for method in ["ACK", "BYE"] {
        let request = &customer.received(method)[0];
        assert_eq!(request.text.matches("\nVia:").count(), 2, "{request:?}");
    }
}

#[tokio::test]
async fn trunk_and_agents_are_reached_through_a_proxy_over_tcp_and_udp() {
    testkit::require!(testkit::kamailio(), testkit::sipp(), testkit::baresip());
    let mut ports = testkit::Ports::block();
    let customer = Sipp::scenario("customer_human").unwrap();
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let mut builder = Server::builder(PROGRAM);
    let port = builder.ports().port();
    let server = builder.trunk_with("carrier", port, "transport = \"tcp\"\noptions_ping_s = 1");
    let mut server = server.start().await;
    let (_, registrar) = server.sip().rsplit_once(':').map(own).unwrap();
    let options = KamailioOptions {
        registrar: Some(registrar.parse().unwrap()),
        ..KamailioOptions::default()
    };
    let proxy = Kamailio::start_at(port, options).await;
    proxy.register("5115", customer.port).await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let services = service("desk", &receiver, &[RING]);
    server.api.import_services(&services).await;
    trunk_is_up(&server, "answers").await;
    let through = format!("127.0.0.1:{port}");
    let kim = phone(&mut server, &through, &audio::tone(1000.0, 60_000, 8000)).await;

    let invite = call_back(&server, &customer, &kim, &receiver).await;

    // The proxy is in the route twice, once for each transport.
    assert_eq!(invite.text.matches(";r2=on").count(), 2, "{invite:?}");
    assert!(invite.header("Via").starts_with("SIP/2.0/UDP"));
    assert!(invite.text.contains("Via: SIP/2.0/TCP"), "{invite:?}");
}

fn own((host, port): (&str, &str)) -> (String, String) {
    (host.to_owned(), port.to_owned())
}

#[tokio::test]
async fn a_proxy_that_goes_away_takes_the_trunk_down_and_a_new_one_brings_it_back() {
    testkit::require!(testkit::kamailio(), testkit::sipp());
    let mut ports = testkit::Ports::block();
    let proxy = Kamailio::start(KamailioOptions::default(), &mut ports).await;
    let port = proxy.port;
    let customer = Sipp::scenario("customer_busy").unwrap();
    let customer = customer.start(&mut ports).await;
    let receiver = Receiver::start().await;
    let server = site((port, "transport = \"tcp\"\noptions_ping_s = 1"), &receiver).await;
    trunk_is_up(&server, "answers").await;
    drop(proxy);
    until("the trunk is down", TALKING, async || {
        let trunks = server.api.get("/api/v1/trunks").await;
        (trunks.body["trunks"][0]["up"] == false).then_some(())
    })
    .await;
    let proxy = Kamailio::start_at(port, KamailioOptions::default()).await;
    proxy.register("5115", customer.port).await;
    until("the trunk is up again", TALKING, async || {
        let trunks = server.api.get("/api/v1/trunks").await;
        (trunks.body["trunks"][0]["up"] == true).then_some(())
    })
    .await;
    let id = server.api.call_back("desk", "5115").await;
    let note = receiver.wait_for(&id, "dial_done", PATIENCE).await;
    assert_eq!(note.body["c_call_result"], 6);
    customer.wait_for("ACK", PATIENCE).await;
}
