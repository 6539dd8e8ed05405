//! Transfers of a page on real calls: the customer on one trunk, the destination on another.

use std::time::Duration;

use media::codec::Codec;
use media::tone;
use testkit::{Behaviour, Line, PATIENCE, Page, Receiver, Server, Talker, Web, audio, until};

use crate::common::{agents, check, ended, service};

const DESTINATION: &str = "5200";
const NOW: Duration = Duration::ZERO;

/// The customer's phone, the destination's, and a server between them.
struct Site {
    server: Server,
    notes: Receiver,
    web: Web,
    customer: Talker,
    line: Line,
}

/// A page with one transfer that tells what came of it and cancels the callback.
fn page(transfer: &str, content: &str) -> String {
    let told = "<var name='d' expr='t$ ? t$.duration : undefined'/>\
        <var name='m' expr='t$ ? t$.inputmode : undefined'/>\
        <var name='u' expr='t$ ? t$.utterance : undefined'/>\
        <data name='x' src='../told' namelist='t d m u'/>\
        <assign name='treatment_result' expr=\"({action:'cancel',message:'OK'})\"/>\
        <exit namelist='treatment_result'/>";
    format!(
        "<?xml version='1.0'?><vxml version='2.1' xmlns='http://www.w3.org/2001/vxml'>\
         <var name='treatment_result'/>\
         <catch event='error.connection error.unsupported'>\
         <data name='x' srcexpr=\"'../told?event=' + _event\"/>\
         <assign name='treatment_result' expr=\"({{action:'cancel',message:'OK'}})\"/>\
         <exit namelist='treatment_result'/></catch>\
         <catch event='connection.disconnect.transfer'>\
         <data name='x' src='../told?event=left'/></catch>\
         <catch event='connection.disconnect.hangup'>\
         <data name='x' src='../told?event=hangup'/></catch>\
         <form><transfer name='t' dest='tel:{DESTINATION}' {transfer}>{content}\
         <filled>{told}</filled></transfer></form></vxml>"
    )
}

impl Site {
    async fn start(page: &str, destination: Behaviour) -> Self {
        Self::with(Talker::start(true).await, page, destination, &[]).await
    }

    async fn with(customer: Talker, page: &str, destination: Behaviour, extra: &[&str]) -> Self {
        let line = Line::start(move |_, _| destination).await;
        Self::on_line(customer, page, line, extra).await
    }

    async fn on_line(customer: Talker, page: &str, line: Line, extra: &[&str]) -> Self {
        let (web, notes) = (Web::start().await, Receiver::start().await);
        let url = web.put(
            "/app/start.vxml",
            Page::new("application/voicexml+xml", page),
        );
        let _told = web.put("/told", Page::new("application/json", "{}"));
        // The customer's call takes the only place of the first trunk.
        let server = Server::builder(crate::common::PROGRAM)
            .trunk_with("carrier", customer.port, "max_calls = 1")
            .trunk("north", line.port)
            .set("dialplan", "rp_allow = [\"^52[0-9]{2}$\"]")
            .start()
            .await;
        server.api.import_agents(&agents(&[("kim", "7001")])).await;
        let url = format!("_on_customer_connect_treatment_url = {url}");
        let mut lines = vec![url.as_str()];
        lines.extend_from_slice(extra);
        server
            .api
            .import_services(&service("desk", &notes, &lines))
            .await;
        Self {
            server,
            notes,
            web,
            customer,
            line,
        }
    }

    async fn call(&self) -> String {
        self.server.api.call_back("desk", "5115").await
    }

    /// What the page told, as the query of its request.
    async fn told(&self) -> String {
        until("what the page tells", PATIENCE, async || {
            let requests = self.web.requests().into_iter();
            let mut told = requests.filter_map(|(request, _)| {
                let query = request.strip_prefix("GET /told?")?;
                Some(query.to_owned())
            });
            told.next()
        })
        .await
    }

    async fn is_cancelled(&self, id: &str) {
        let notes = self.notes.whole(id, PATIENCE).await;
        assert_eq!(ended(&notes), "CANCELLED");
        self.everybody_is_gone().await;
    }

    async fn everybody_is_gone(&self) {
        until("the end of all calls", PATIENCE, async || {
            let gone = self.line.calls().iter().all(|call| call.over.is_some());
            (gone && self.customer.is_over()).then_some(())
        })
        .await;
    }

    async fn destination_answers(&self) {
        until("the destination answers", PATIENCE, async || {
            self.line.calls().iter().any(|c| c.answered).then_some(())
        })
        .await;
    }
}

/// Value of a parameter of a query.
fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let pairs = query.split('&');
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    values.next()
}

/// V2.0 2.3.7.1: a blind transfer leaves the customer with the destination and ends the page.
#[tokio::test]
async fn a_blind_transfer_leaves_the_customer_with_the_destination() {
    let page = page("type='blind' aai='order 4711'", "");
    let site = Site::start(&page, Behaviour::Answer(NOW)).await;
    let id = site.call().await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "service_exit",
    ];
    check(&notes, &expected, "TRANSFERRED_TO_RP");
    assert_eq!(site.told().await, "event=left");
    let calls = site.line.calls_to(DESTINATION);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].header("X-Genesys-AAI"), "order 4711");
    // They talk although the callback is over; one hangs up, and so does the other.
    let before = site.line.audio_packets();
    site.customer.say(&[0xff; 1_600]).await;
    until("audio at the destination", PATIENCE, async || {
        (site.line.audio_packets() >= before + 8).then_some(())
    })
    .await;
    assert!(!site.customer.is_over());
    site.customer.hang_up().await;
    until("the end of the other call", PATIENCE, async || {
        let calls = site.line.calls_to(DESTINATION);
        calls.iter().all(|c| c.over.is_some()).then_some(())
    })
    .await;
}

/// V2.0 2.3.7.2: a bridge fills its variable with how it ended and tells how long they talked.
#[tokio::test]
async fn a_bridge_tells_how_it_ended() {
    let talk = Duration::from_millis(1_200);
    for (behaviour, attributes, result) in [
        (Behaviour::Refuse(NOW, 486), "", "busy"),
        (Behaviour::Refuse(NOW, 603), "", "busy"),
        (Behaviour::NoAnswer, "connecttimeout='1s'", "noanswer"),
        (
            Behaviour::AnswerAndLeave(NOW, talk),
            "",
            "far_end_disconnect",
        ),
        (Behaviour::Answer(NOW), "maxtime='1s'", "maxtime_disconnect"),
    ] {
        let page = page(&format!("type='bridge' {attributes}"), "");
        let site = Site::start(&page, behaviour).await;
        let id = site.call().await;
        let told = site.told().await;
        assert_eq!(value(&told, "t"), Some(result), "{told}");
        let seconds: f64 = value(&told, "d").expect("a duration").parse().expect("s");
        let talked = result.ends_with("_disconnect");
        assert_eq!(seconds > 0.5, talked, "{told}");
        site.is_cancelled(&id).await;
    }
}

/// V2.0 2.3.7.2: a network that is full, one that ends the call, and another end before the answer are told apart.
#[tokio::test]
async fn a_bridge_tells_what_the_network_did() {
    let talk = Duration::from_millis(1_200);
    for (cause, behaviour, result) in [
        (34, Behaviour::Fail(503), "network_busy"),
        (42, Behaviour::Refuse(NOW, 503), "network_busy"),
        (
            38,
            Behaviour::AnswerAndLeave(NOW, talk),
            "network_disconnect",
        ),
        (
            16,
            Behaviour::AnswerAndLeave(NOW, talk),
            "far_end_disconnect",
        ),
        (0, Behaviour::Fail(487), "unknown"),
        (0, Behaviour::Refuse(NOW, 400), "unknown"),
    ] {
        let line = Line::start_with_cause(cause, move |_, _| behaviour).await;
        let customer = Talker::start(true).await;
        let site = Site::on_line(customer, &page("type='bridge'", ""), line, &[]).await;
        let id = site.call().await;
        let told = site.told().await;
        assert_eq!(
            value(&told, "t"),
            Some(result),
            "{told} after {behaviour:?}"
        );
        site.is_cancelled(&id).await;
    }
}

/// V2.0 2.3.7.3: a bridge that cannot be made is an error of the connection.
#[tokio::test]
async fn a_bridge_that_cannot_be_is_the_standard_error() {
    for (status, event) in [
        (404, "error.connection.baddestination"),
        (488, "error.connection.protocol.488"),
    ] {
        let site = Site::start(&page("type='bridge'", ""), Behaviour::Fail(status)).await;
        let id = site.call().await;
        assert_eq!(site.told().await, format!("event={event}"));
        site.is_cancelled(&id).await;
    }
    for (dest, event) in [
        ("tel:112", "error.connection.noauthorization"),
        ("tel:nobody", "error.connection.baddestination"),
        ("mailto:x@y", "error.unsupported.uri"),
    ] {
        let page = page("type='bridge'", "").replace("tel:5200", dest);
        let site = Site::start(&page, Behaviour::Answer(NOW)).await;
        let id = site.call().await;
        assert_eq!(site.told().await, format!("event={event}"));
        assert!(site.line.calls().is_empty());
        site.is_cancelled(&id).await;
    }
}

/// V2.0 2.3.7.3: without a line `error.connection.noresource` is thrown.
#[tokio::test]
async fn a_trunk_without_room_is_no_resource() {
    let customer = Talker::start(true).await;
    let (web, notes) = (Web::start().await, Receiver::start().await);
    let page = page("type='bridge'", "");
    let url = web.put(
        "/app/start.vxml",
        Page::new("application/voicexml+xml", page),
    );
    let _told = web.put("/told", Page::new("application/json", "{}"));
    let server = Server::builder(crate::common::PROGRAM)
        .trunk_with("carrier", customer.port, "max_calls = 1")
        .set("dialplan", "rp_allow = [\"^52[0-9]{2}$\"]")
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let url = format!("_on_customer_connect_treatment_url = {url}");
    server
        .api
        .import_services(&service("desk", &notes, &[&url]))
        .await;
    let id = server.api.call_back("desk", "5115").await;
    let _whole = notes.whole(&id, PATIENCE).await;
    let requests = web.requests();
    let wanted = "GET /told?event=error.connection.noresource";
    assert!(requests.iter().any(|(r, _)| r == wanted), "{requests:?}");
}

/// V2.0 2.3.7.2: a grammar for keys ends a bridge while others hear the keys.
#[tokio::test]
async fn keys_end_a_bridge() {
    let grammar = "<grammar mode='dtmf' version='1.0' root='r'><rule id='r'>* 9</rule></grammar>";
    for external in [false, true] {
        let content = if external {
            "<grammar src='../end.grxml' mode='dtmf'/>"
        } else {
            grammar
        };
        let site = Site::start(&page("type='bridge'", content), Behaviour::Answer(NOW)).await;
        let xml = grammar.replace(
            "<grammar",
            "<grammar xmlns='http://www.w3.org/2001/06/grammar'",
        );
        let _url = site
            .web
            .put("/end.grxml", Page::new("application/srgs+xml", xml));
        let id = site.call().await;
        site.destination_answers().await;
        site.customer.wait(Duration::from_millis(300)).await;
        for key in ['5', '*', '9'] {
            site.customer.press(key).await;
            site.customer.wait(Duration::from_millis(60)).await;
        }
        let told = site.told().await;
        assert_eq!(value(&told, "t"), Some("near_end_disconnect"), "{told}");
        assert_eq!(value(&told, "m"), Some("dtmf"), "{told}");
        assert_eq!(value(&told, "u"), Some("%2A9"), "{told}");
        site.is_cancelled(&id).await;
    }
}

/// V2.0 2.3.7.2: a customer who hangs up ends the bridge and the page is told.
#[tokio::test]
async fn a_customer_who_leaves_a_bridge_ends_both_calls() {
    let site = Site::start(&page("type='bridge'", ""), Behaviour::Answer(NOW)).await;
    let id = site.call().await;
    site.destination_answers().await;
    site.customer.hang_up().await;
    assert_eq!(site.told().await, "event=hangup");
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_INTERACTION_DELETED");
    until("the end of the other call", PATIENCE, async || {
        let calls = site.line.calls();
        calls.iter().all(|c| c.over.is_some()).then_some(())
    })
    .await;
}

/// R 10: the time of the page does not run while customer and destination talk.
#[tokio::test]
async fn the_time_of_the_page_does_not_run_while_they_talk() {
    let talk = Duration::from_secs(4);
    let customer = Talker::start(true).await;
    let destination = Behaviour::AnswerAndLeave(NOW, talk);
    let page = page("type='bridge'", "");
    let extra = ["_plugin_on_dial_timeout = 3"];
    let site = Site::with(customer, &page, destination, &extra).await;
    let id = site.call().await;
    let told = site.told().await;
    assert_eq!(value(&told, "t"), Some("far_end_disconnect"), "{told}");
    site.is_cancelled(&id).await;
}

/// V2.0 2.3.7: `transferaudio` is heard until the destination answers, then each other.
#[tokio::test]
async fn both_hear_each_other_and_before_that_the_customer_hears_audio() {
    let ring = Duration::from_millis(1_500);
    let page = page("type='bridge' transferaudio='../tone.wav' maxtime='2s'", "");
    let site = Site::start(&page, Behaviour::Answer(ring)).await;
    let bytes = audio::wav(&audio::tone(1_000.0, 400, 8_000));
    let _url = site.web.put("/tone.wav", Page::new("audio/x-wav", bytes));
    let id = site.call().await;
    site.destination_answers().await;
    let heard = site.customer.heard();
    let loud = heard.iter().filter(|heard| heard.is_tone()).count();
    assert!(loud >= 25, "{loud} frames of a clip of 20 that repeats");
    let before = site.line.audio_packets();
    let mut said = Vec::new();
    let sound = tone::tone(&[440.0], 400, -10.0);
    Codec::Pcmu.encoder().encode(&sound, &mut said);
    site.customer.say(&said).await;
    until("audio at the destination", PATIENCE, async || {
        (site.line.audio_packets() >= before + 15).then_some(())
    })
    .await;
    let told = site.told().await;
    assert_eq!(value(&told, "t"), Some("maxtime_disconnect"), "{told}");
    site.is_cancelled(&id).await;
}

/// V2.1 9: a consultation leaves once the destination has answered, and tells why it did not.
#[tokio::test]
async fn a_consultation_leaves_when_the_destination_has_answered() {
    let page = page("type='consultation'", "");
    let site = Site::start(&page, Behaviour::Answer(Duration::from_millis(300))).await;
    let id = site.call().await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "TRANSFERRED_TO_RP");
    assert_eq!(site.told().await, "event=left");
    assert!(!site.customer.is_over());
    let busy = Site::start(&page, Behaviour::Refuse(NOW, 486)).await;
    let id = busy.call().await;
    let told = busy.told().await;
    assert_eq!(value(&told, "t"), Some("busy"), "{told}");
    busy.is_cancelled(&id).await;
    site.customer.hang_up().await;
    until("the end of the other call", PATIENCE, async || {
        let calls = site.line.calls();
        calls.iter().all(|c| c.over.is_some()).then_some(())
    })
    .await;
}
