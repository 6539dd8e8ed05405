//! VoiceXML on the answered call: real SIP and RTP, pages over HTTP.

use std::time::Duration;

use media::codec::Codec;
use media::tone;
use serde_json::Value;
use testkit::{Heard, Moment, PATIENCE, Page, Receiver, Server, Talker, Web, audio, until};

use crate::common::{agents, check, ended, logged, server, service, story};

pub(crate) const VXML: &str = "application/voicexml+xml";
/// What a callback of these tests tells before the application decides.
const ANSWERED: [&str; 4] = [
    "service_create",
    "virtual_ixn_create",
    "dial_init",
    "dial_done(0,1)",
];

/// A server whose service runs an application, and everything around it.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) notes: Receiver,
    pub(crate) web: Web,
    pub(crate) phone: Talker,
}

impl Site {
    pub(crate) async fn start(page: &str, extra: &[&str]) -> Self {
        Self::with(Talker::start(true).await, page, extra, &[]).await
    }

    pub(crate) async fn with(phone: Talker, page: &str, extra: &[&str], config: &[&str]) -> Self {
        let (web, notes) = (Web::start().await, Receiver::start().await);
        let url = web.put("/app/start.vxml", Page::new(VXML, page));
        let mut builder = server(phone.port);
        for line in config {
            builder = builder.set("vxml", line);
        }
        let server = builder.start().await;
        server.api.import_agents(&agents(&[("kim", "7001")])).await;
        let url = format!("_on_customer_connect_treatment_url = {url}");
        let mut lines = vec![url.as_str()];
        lines.extend_from_slice(extra);
        let text = service("desk", &notes, &lines);
        server.api.import_services(&text).await;
        Self {
            server,
            notes,
            web,
            phone,
        }
    }

    /// Puts a tone of 1 kHz where a page finds it.
    pub(crate) fn tone(&self, path: &str, ms: u32) {
        let bytes = audio::wav(&audio::tone(1_000.0, ms, 8_000));
        let _url = self.web.put(path, Page::new("audio/x-wav", bytes));
    }

    pub(crate) async fn call(&self) -> String {
        self.server.api.call_back("desk", "5115").await
    }

    /// Waits until the phone hears the tone.
    pub(crate) async fn hears_tone(&self) {
        until("the prompt", PATIENCE, async || {
            self.phone.heard().iter().any(Heard::is_tone).then_some(())
        })
        .await;
    }

    /// Checks how the callback ended after its first answered call.
    pub(crate) async fn ends(&self, id: &str, rest: &[&str], termination: &str) {
        let notes = self.notes.whole(id, PATIENCE).await;
        let expected: Vec<&str> = ANSWERED.iter().chain(rest).copied().collect();
        check(&notes, &expected, termination);
    }

    /// Data of the log's entries of this id.
    pub(crate) async fn logged(&self, id: &str, event: &str) -> Vec<Value> {
        let events = logged(&self.server, id, event).await;
        events
            .into_iter()
            .map(|entry| entry["data"].clone())
            .collect()
    }
}

/// The last packet with the tone that arrived after a moment, as the time since then.
pub(crate) fn last_tone_after(heard: &[Heard], moment: Moment) -> Duration {
    let last = heard.iter().rfind(|h| h.at > moment && h.is_tone());
    last.map_or(Duration::ZERO, |h| h.at - moment)
}

pub(crate) fn page(body: &str) -> String {
    format!(
        "<?xml version='1.0'?><vxml version='2.1' xmlns='http://www.w3.org/2001/vxml'>\
         <var name='treatment_result'/>{body}</vxml>"
    )
}

/// A page that ends at once with this result.
fn result(expr: &str) -> String {
    page(&format!(
        "<form><block><assign name='treatment_result' expr=\"{expr}\"/>\
         <exit namelist='treatment_result'/></block></form>"
    ))
}

/// The page of the reference: now, later, nothing, gone.
const MENU: &str = r#"<form id="f">
    <field name="k" type="digits?length=1">
      <prompt><audio src="../tone.wav"/></prompt>
      <noinput count="2"><assign name="treatment_result" expr="({action:'route_to_agent',message:'OK'})"/><exit namelist="treatment_result"/></noinput>
      <filled>
        <assign name="treatment_result" expr="k=='2' ? {action:'retry',message:'OK',delay:1} : k=='3' ? {action:'cancel',message:'OK'} : {action:'route_to_agent',message:'OK'}"/>
        <exit namelist="treatment_result"/>
      </filled>
    </field>
  </form>
  <catch event="connection.disconnect.hangup">
    <assign name="treatment_result" expr="({action:'cancel',message:'interaction_deleted'})"/><exit namelist="treatment_result"/>
  </catch>"#;

/// R 6: what the page exits with decides what becomes of the callback.
#[tokio::test]
async fn a_key_decides_what_becomes_of_the_callback() {
    let site = Site::start(&page(MENU), &["_max_dial_attempts = 9"]).await;
    site.tone("/tone.wav", 20_000);
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.press('2').await;
    until("the second call", PATIENCE, async || {
        (site.phone.calls() == 2).then_some(())
    })
    .await;
    site.hears_tone().await;
    site.phone.press('3').await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    let expected: Vec<&str> = ANSWERED
        .iter()
        .copied()
        .chain(["dial_init", "dial_done(0,2)", "service_exit"])
        .collect();
    check(&notes, &expected, "CANCELLED");
    let asked = site.logged(&id, "rb.plugin_asked").await;
    assert_eq!(asked[0]["type"], "vxml");
    assert!(site.phone.is_over());
}

#[tokio::test]
async fn the_agent_route_has_no_greeting_and_waits_with_music() {
    let greeting = "_treatment_customer_connect = greeting.wav";
    let site = Site::start(&page(MENU), &[greeting]).await;
    site.tone("/tone.wav", 20_000);
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.press('1').await;
    site.notes.wait_for(&id, "customer_queued", PATIENCE).await;
    let told = story(&site.notes.of(&id));
    let expected: Vec<&str> = ANSWERED
        .iter()
        .copied()
        .chain(["customer_queued"])
        .collect();
    assert_eq!(told, expected);
}

/// V2.0 4.1.5: a key stops the prompt within 60 ms as the phone hears it, as an event and as a
/// tone.
#[tokio::test]
async fn a_key_stops_the_prompt_within_60_ms() {
    for events in [true, false] {
        let phone = Talker::start(events).await;
        let site = Site::with(phone, &page(MENU), &[], &[]).await;
        site.tone("/tone.wav", 20_000);
        let id = site.call().await;
        site.hears_tone().await;
        site.phone.wait(Duration::from_millis(200)).await;
        let pressed = if events {
            site.phone.press('3').await
        } else {
            let mut audio = Vec::new();
            let tones = tone::dtmf("3", 100, 60);
            Codec::Pcmu.encoder().encode(&tones, &mut audio);
            site.phone.say(&audio).await
        };
        site.ends(&id, &["service_exit"], "CANCELLED").await;
        let heard = last_tone_after(&site.phone.heard(), pressed);
        assert!(
            heard <= Duration::from_millis(60),
            "events {events}: {heard:?}"
        );
    }
}

/// V2.0 4.1.5: keys pressed ahead answer the next fields.
#[tokio::test]
async fn keys_typed_ahead_answer_the_next_questions() {
    let field = |name: &str| {
        format!(
            "<field name='{name}' type='digits?length=1'>\
             <prompt><audio src='../tone.wav'/></prompt></field>"
        )
    };
    let fields = [field("a"), field("b"), field("c")].concat();
    let body = format!(
        "<form>{fields}<filled namelist='a b c'><assign name='treatment_result' \
         expr=\"({{action: a+b+c=='123' ? 'cancel' : 'route_to_agent', message:'OK'}})\"/>\
         <exit namelist='treatment_result'/></filled></form>"
    );
    let site = Site::start(&page(&body), &[]).await;
    site.tone("/tone.wav", 20_000);
    let id = site.call().await;
    site.hears_tone().await;
    for key in ['1', '2', '3'] {
        site.phone.press(key).await;
    }
    site.ends(&id, &["service_exit"], "CANCELLED").await;
}

/// V2.0 4.1.5: a prompt with `bargein="false"` is heard to its end.
#[tokio::test]
async fn prompts_without_barge_in_are_heard_to_their_end() {
    let body = MENU.replace("<prompt>", "<prompt bargein='false'>");
    let site = Site::start(&page(&body), &[]).await;
    site.tone("/tone.wav", 1_500);
    let id = site.call().await;
    site.hears_tone().await;
    let pressed = site.phone.press('2').await;
    site.phone.wait(Duration::from_millis(2_000)).await;
    let heard = last_tone_after(&site.phone.heard(), pressed);
    assert!(heard > Duration::from_millis(800), "{heard:?}");
    assert_eq!(site.phone.calls(), 1, "the key is discarded");
    site.phone.press('3').await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
}

/// V2.0 1.5.4: the hang-up is told to the page, which may still answer.
#[tokio::test]
async fn a_customer_who_hangs_up_is_told_to_the_application() {
    let site = Site::start(&page(MENU), &[]).await;
    site.tone("/tone.wav", 20_000);
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.hang_up().await;
    let end = "FAIL_INTERACTION_DELETED";
    site.ends(&id, &["service_exit"], end).await;
    let answered = site.logged(&id, "rb.plugin_answered").await;
    assert_eq!(answered[0]["message"], "interaction_deleted");

    let silent = MENU.replace("connection.disconnect.hangup", "never");
    let site = Site::start(&page(&silent), &[]).await;
    site.tone("/tone.wav", 20_000);
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.hang_up().await;
    site.ends(&id, &["service_exit"], end).await;
}

/// R 6: results are objects or JSON text and are checked as those of a plugin.
#[tokio::test]
async fn results_are_objects_or_text_and_checked_like_those_of_a_plugin() {
    for (expr, end) in [
        ("{action:'cancel',message:'OK'}", "CANCELLED"),
        (
            "'{&quot;action&quot;:&quot;cancel&quot;,&quot;message&quot;:&quot;OK&quot;}'",
            "CANCELLED",
        ),
        ("({action:'cancel'})", "FAIL_ERROR"),
        ("({action:'dance',message:'OK'})", "FAIL_ERROR"),
        (
            "({action:'retry',message:'OK',customer_number:'112'})",
            "FAIL_ERROR",
        ),
        (
            "({action:'route_to_rp',message:'+12125550100'})",
            "FAIL_ERROR",
        ),
        (
            "({action:'route_to_agent',message:'interaction_deleted'})",
            "FAIL_ERROR",
        ),
        ("5", "FAIL_ERROR"),
    ] {
        let site = Site::start(&result(expr), &[]).await;
        let id = site.call().await;
        let notes = site.notes.whole(&id, PATIENCE).await;
        assert_eq!(ended(&notes), end, "{expr}");
    }
}

/// R 6: an application without a usable result ends the callback or reaches an agent.
#[tokio::test]
async fn an_application_that_fails_ends_the_callback_or_routes_it() {
    let missing = page("<form><block><goto next='nowhere.vxml'/></block></form>");
    let site = Site::start(&missing, &[]).await;
    let id = site.call().await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_ERROR");
    let problem = &site.logged(&id, "rb.plugin_problem").await[0];
    assert_eq!(problem["detail"], "vxml_error");
    let why = problem["why"].as_str().unwrap_or_default();
    assert!(why.contains("error.badfetch.http.404"), "{why}");

    let phone = Talker::start(true).await;
    let config = ["on_error = \"route_to_agent\""];
    let site = Site::with(phone, &missing, &[], &config).await;
    let id = site.call().await;
    site.notes.wait_for(&id, "customer_queued", PATIENCE).await;
}

/// R 6: a first page that cannot be fetched is told with its address.
#[tokio::test]
async fn an_application_that_cannot_be_fetched_names_address_and_status() {
    let site = Site::start(
        "no page",
        &["_on_customer_connect_treatment_url = http://127.0.0.1:9/a.vxml?key=secret"],
    )
    .await;
    let id = site.call().await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_ERROR");
    let problem = &site.logged(&id, "rb.plugin_problem").await[0];
    assert_eq!(problem["detail"], "vxml_start_failed");
    let why = problem["why"].as_str().unwrap_or_default();
    assert!(
        why.contains("http://127.0.0.1:9/a.vxml") && !why.contains("secret"),
        "{why}"
    );
}

/// R 10: the time limit ends the application and the call.
#[tokio::test]
async fn an_application_has_its_time() {
    let body = "<form><field name='k' type='digits'><property name='timeout' value='100s'/></field></form>";
    let site = Site::start(&page(body), &["_plugin_on_dial_timeout = 2"]).await;
    let id = site.call().await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&notes), "FAIL_ERROR");
    until("the end of the call", PATIENCE, async || {
        site.phone.is_over().then_some(())
    })
    .await;
}

/// V2.0 5.1.4: session variables tell of the call and its callback.
#[tokio::test]
async fn what_the_page_knows_of_its_call() {
    let expr = "({action: session.com.genesyslab.userdata.topic=='refund' &amp;&amp; \
                session.com.genesyslab.userdata._dial_attempt==1 &amp;&amp; \
                session.com.genesyslab.userdata._customer_number=='5115' &amp;&amp; \
                session.com.genesyslab.userdata._reply_url===undefined &amp;&amp; \
                session.connection.protocol.name=='sip' ? 'cancel' : 'retry', message:'OK'})";
    let site = Site::start(&result(expr), &[]).await;
    let body = serde_json::json!({"_customer_number": "5115", "topic": "refund"});
    let created = site.server.api.create("desk", &body).await;
    let id = created.body["_id"].as_str().unwrap_or_default().to_owned();
    site.ends(&id, &["service_exit"], "CANCELLED").await;
}

/// R 6: only humans meet the application.
#[tokio::test]
async fn only_humans_meet_the_application() {
    use testkit::{Behaviour, Line};
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let notes = Receiver::start().await;
    let web = Web::start().await;
    let url = web.put(
        "/a.vxml",
        Page::new(VXML, result("({action:'cancel',message:'OK'})")),
    );
    let server = server(line.port).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let url = format!("_on_customer_connect_treatment_url = {url}");
    let text = service("desk", &notes, &[&url, "_max_dial_attempts = 1"]);
    server.api.import_services(&text).await;
    let id = server.api.call_back("desk", "5115").await;
    let told = notes.whole(&id, PATIENCE).await;
    assert_eq!(ended(&told), "FAIL_CALL_TO_CUSTOMER");
    assert_eq!(web.requests().len(), 0);
}

/// Whether the phone heard anything that lasted so long.
fn loud_frames(heard: &[Heard]) -> usize {
    heard.iter().filter(|h| h.peak() > 500).count()
}

/// V2.0 4.1.1: text is spoken by the synthesiser, also in place of missing audio.
#[tokio::test]
async fn text_is_spoken_by_an_installed_synthesiser() {
    if !std::path::Path::new("/usr/bin/espeak-ng").exists() {
        testkit::skipped(module_path!(), "espeak-ng is not installed");
        return;
    }
    let body = "<form><block><prompt xml:lang='en-US'>Good morning. \
                <audio src='missing.wav'>We call you back.</audio></prompt>\
                <assign name='treatment_result' expr=\"({action:'cancel',message:'OK'})\"/>\
                <exit namelist='treatment_result'/></block></form>";
    let phone = Talker::start(true).await;
    let config = ["tts = \"command:espeak-ng\""];
    let site = Site::with(phone, &page(body), &[], &config).await;
    let id = site.call().await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
    let frames = loud_frames(&site.phone.heard());
    assert!(frames > 40, "{frames} frames of 20 ms");
}

/// R 5: without a synthesiser text raises `error.noresource`.
#[tokio::test]
async fn without_a_synthesiser_text_is_the_standard_error() {
    let body = "<catch event='error.noresource'>\
                <assign name='treatment_result' expr=\"({action:'cancel',message:'OK'})\"/>\
                <exit namelist='treatment_result'/></catch>\
                <form><field name='k' type='digits'>\
                <prompt><audio src='missing.wav'>Hello</audio></prompt></field></form>";
    let site = Site::start(&page(body), &[]).await;
    let id = site.call().await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
}

const RECORD: &str = r#"<form>
    <record name="message" beep="true" finalsilence="500ms" maxtime="10s" type="audio/x-wav">
      <noinput><assign name="treatment_result" expr="({action:'retry',message:'OK'})"/><exit namelist="treatment_result"/></noinput>
      <filled>
        <data name="stored" src="../store" method="post" enctype="multipart/form-data" namelist="message"/>
        <prompt><value expr="message"/></prompt>
        <assign name="treatment_result" expr="({action: message$.duration &gt; 500 ? 'cancel' : 'retry', message:'OK'})"/>
        <exit namelist="treatment_result"/>
      </filled>
    </record>
  </form>"#;

pub(crate) fn ulaw(samples: &[i16]) -> Vec<u8> {
    let mut audio = Vec::new();
    Codec::Pcmu.encoder().encode(samples, &mut audio);
    audio
}

/// V2.0 2.3.6: a recording is made after a beep, sent and played.
#[tokio::test]
async fn what_the_customer_says_is_recorded_sent_and_played() {
    let site = Site::start(&page(RECORD), &[]).await;
    let _url = site.web.put("/store", Page::new("application/json", "{}"));
    let id = site.call().await;
    // The tone before the recording.
    site.hears_tone().await;
    site.phone.wait(Duration::from_millis(400)).await;
    let said = site
        .phone
        .say(&ulaw(&tone::tone(&[440.0], 900, -10.0)))
        .await;
    site.phone.wait(Duration::from_millis(2_500)).await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
    let requests = site.web.requests();
    let stored = requests
        .iter()
        .find(|(request, _)| request == "POST /store");
    let (_, body) = stored.expect("the recording was sent");
    let wav = body.windows(4).position(|four| four == b"RIFF");
    let wav = body.get(wav.expect("a WAV file")..).unwrap_or_default();
    let clip = media::audio::load(wav, "x.wav").expect("it can be read");
    assert!((700..2_000).contains(&clip.duration_ms()), "{clip:?}");
    let played = last_tone_after(&site.phone.heard(), said);
    assert!(
        played > Duration::from_millis(1_500),
        "it is played back: {played:?}"
    );
}

/// V2.0 2.3.6: what was recorded before the hang-up is kept for its handler.
#[tokio::test]
async fn a_hang_up_keeps_what_was_recorded() {
    let hung_up = "<catch event='connection.disconnect.hangup'>\
        <data name='stored' src='../store' method='post' enctype='multipart/form-data' \
        namelist='message'/><assign name='treatment_result' \
        expr=\"({action:'cancel',message:'interaction_deleted'})\"/>\
        <exit namelist='treatment_result'/></catch></record>";
    let body = RECORD.replace("</record>", hung_up).replace("500ms", "5s");
    let site = Site::start(&page(&body), &[]).await;
    let _url = site.web.put("/store", Page::new("application/json", "{}"));
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.wait(Duration::from_millis(400)).await;
    site.phone
        .say(&ulaw(&tone::tone(&[440.0], 900, -10.0)))
        .await;
    site.phone.hang_up().await;
    site.ends(&id, &["service_exit"], "FAIL_INTERACTION_DELETED")
        .await;
    let requests = site.web.requests();
    let stored = requests
        .iter()
        .find(|(request, _)| request == "POST /store");
    let (_, body) = stored.expect("the recording was sent");
    assert!(body.len() > 10_000, "{} bytes", body.len());
}

/// V2.0 2.3.6: silence is no recording.
#[tokio::test]
async fn silence_is_no_recording() {
    let body = RECORD.replace("<form>", "<form><property name='timeout' value='1s'/>");
    let body = body.replace(
        "action:'retry',message:'OK'})\"/><exit",
        "action:'cancel',message:'OK'})\"/><exit",
    );
    let site = Site::start(&page(&body), &[]).await;
    let id = site.call().await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
}

#[tokio::test]
async fn a_transfer_to_a_number_that_is_not_allowed_is_the_standard_error() {
    let body = "<catch event='error.connection.noauthorization'>\
                <assign name='treatment_result' expr=\"({action:'cancel',message:'OK'})\"/>\
                <exit namelist='treatment_result'/></catch>\
                <form><transfer name='t' dest='tel:112' type='blind'/></form>";
    let site = Site::start(&page(body), &[]).await;
    let id = site.call().await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
}
