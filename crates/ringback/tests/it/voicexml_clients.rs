//! Keys of real clients in an application: sipp and baresip, as events and as tones.

use media::tone;
use testkit::{Baresip, PATIENCE, Page, Phone, Ports, Receiver, Server, Sipp, Web, audio};

use crate::common::{PROGRAM, agents, check, service};
use crate::voicexml::{VXML, page};

/// Keys begin so late after the answer: the prompt is heard by then.
const BEFORE_KEY: usize = 8_000 * 3;

/// A menu whose prompt lasts twenty seconds and that cancels with these keys.
fn menu(keys: &str) -> String {
    let length = keys.len();
    page(&format!(
        "<form><field name='k' type='digits?length={length}'><prompt><audio src='tone.wav'/></prompt>\
         <noinput count='9'><exit/></noinput><filled><assign name='treatment_result' \
         expr=\"({{action: k=='{keys}' ? 'cancel' : 'retry', message:'OK'}})\"/>\
         <exit namelist='treatment_result'/></filled></field></form>"
    ))
}

/// A server that dials to the port and runs the menu there.
async fn site(trunk: u16, events: bool, page: &str) -> (Server, Receiver, Web) {
    let (web, notes) = (Web::start().await, Receiver::start().await);
    let url = web.put("/menu.vxml", Page::new(VXML, page));
    let more = format!("telephone_events = {events}");
    let builder = Server::builder(PROGRAM).trunk_with("carrier", trunk, &more);
    let server = builder.start().await;
    let bytes = audio::wav(&audio::tone(1_000.0, 20_000, 8_000));
    let _url = web.put("/tone.wav", Page::new("audio/x-wav", bytes));
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let url = format!("_on_customer_connect_treatment_url = {url}");
    let lines = [url.as_str(), "_plugin_on_dial_timeout = 60"];
    server
        .api
        .import_services(&service("desk", &notes, &lines))
        .await;
    (server, notes, web)
}

async fn is_cancelled(notes: &Receiver, id: &str) {
    let told = notes.whole(id, 2 * PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "service_exit",
    ];
    check(&told, &expected, "CANCELLED");
}

/// Silence, these keys as tones, silence.
fn tones(keys: &str, after: usize) -> Vec<i16> {
    let mut said = vec![0; after];
    said.extend(tone::dtmf(keys, 120, 80));
    said.extend(vec![0; 8_000 * 60]);
    said
}

/// Processes with this right may send captured packets, as sipp does.
fn may_send_raw() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let rights = rights.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    let raw = rights.unwrap_or_default() >> 13 & 1 == 1;
    raw.then_some(())
        .ok_or_else(|| "sending captures needs CAP_NET_RAW".to_owned())
}

/// V2.0 4.1.5: a key of sipp as a telephone event (RFC 4733) answers a field and stops its prompt.
#[tokio::test]
async fn a_key_of_sipp_as_an_event() {
    testkit::require!(testkit::sipp());
    testkit::require!(may_send_raw());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_press1").expect("looked for before");
    let customer = customer.start(&mut ports).await;
    let (server, notes, _web) = site(customer.port, true, &menu("1")).await;
    let id = server.api.call_back("desk", "5115").await;
    is_cancelled(&notes, &id).await;
}

/// V2.0 4.1.5: keys of sipp as tones answer a field; those pressed ahead answer the next one.
#[tokio::test]
async fn keys_of_sipp_as_tones() {
    testkit::require!(testkit::sipp());
    let mut ports = Ports::block();
    let customer = Sipp::scenario("customer_play").expect("looked for before");
    let customer = customer
        .replace(" 101\n", "\n")
        .replace("a=rtpmap:101 telephone-event/8000\n", "")
        .replace("a=fmtp:101 0-15\n", "")
        .audio("play.ulaw", &tones("147", BEFORE_KEY))
        .start(&mut ports)
        .await;
    let field = |name: &str| {
        format!(
            "<field name='{name}' type='digits?length=1'><prompt><audio src='tone.wav'/></prompt>\
             </field>"
        )
    };
    let fields = [field("a"), field("b"), field("c")].concat();
    let body = format!(
        "<form>{fields}<filled namelist='a b c'><assign name='treatment_result' \
         expr=\"({{action: a+b+c=='147' ? 'cancel' : 'retry', message:'OK'}})\"/>\
         <exit namelist='treatment_result'/></filled></form>"
    );
    let (server, notes, _web) = site(customer.port, true, &page(&body)).await;
    let id = server.api.call_back("desk", "5115").await;
    is_cancelled(&notes, &id).await;
}

/// V2.0 4.1.5: keys of baresip as telephone events stop the prompt that it hears.
#[tokio::test]
async fn keys_of_baresip_as_events() {
    testkit::require!(testkit::baresip());
    let mut ports = Ports::block();
    let say = vec![0; 8_000 * 90];
    let customer = Baresip::start(Phone::customer("8001", &say), &mut ports).await;
    let (server, notes, _web) = site(customer.port, true, &menu("42")).await;
    let id = server.api.call_back("desk", "8001").await;
    customer.wait_for_tone(1_000.0, 800, PATIENCE).await;
    customer.press('4').await;
    customer.press('2').await;
    is_cancelled(&notes, &id).await;
    let heard = audio::tone_ms(&customer.heard(), 1_000.0);
    assert!(heard < 15_000, "{heard} ms of a prompt of 20 s");
}

/// V2.0 4.1.5: keys of baresip as tones answer a field and stop the prompt that it hears.
#[tokio::test]
async fn keys_of_baresip_as_tones() {
    testkit::require!(testkit::baresip());
    let mut ports = Ports::block();
    let say = tones("42", BEFORE_KEY);
    let customer = Baresip::start(Phone::customer("8001", &say), &mut ports).await;
    let (server, notes, _web) = site(customer.port, false, &menu("42")).await;
    let id = server.api.call_back("desk", "8001").await;
    is_cancelled(&notes, &id).await;
    let heard = audio::tone_ms(&customer.heard(), 1_000.0);
    assert!(
        (500..15_000).contains(&heard),
        "{heard} ms of a prompt of 20 s"
    );
}
