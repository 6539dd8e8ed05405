//! What a caller hears around fetches and ends, and what a page may read: on real calls.

use std::time::Duration;

use testkit::{Page, Talker, Web};

use crate::voicexml::{Site, VXML, page};

const CANCEL: &str = "<assign name='treatment_result' expr=\"({action:'cancel',message:'OK'})\"/>\
                      <exit namelist='treatment_result'/>";

/// A page that cancels the callback when it gets this event.
fn catches(event: &str, body: &str) -> String {
    page(&format!("<catch event='{event}'>{CANCEL}</catch>{body}"))
}

/// Time that the phone heard the tone in all, ms.
fn tone_ms(site: &Site) -> usize {
    20 * site.phone.heard().iter().filter(|h| h.is_tone()).count()
}

/// V2.0 6.3.5: `fetchaudio` is heard over and over while a page is on its way.
#[tokio::test]
async fn audio_is_heard_while_a_page_is_fetched() {
    let body = "<property name='fetchaudiodelay' value='200ms'/>\
                <property name='fetchaudiominimum' value='0s'/>\
                <form><block><goto next='late.vxml' fetchaudio='../tone.wav'/></block></form>";
    let site = Site::start(&page(body), &[]).await;
    site.tone("/tone.wav", 300);
    let next = page(&format!("<form><block>{CANCEL}</block></form>"));
    let late = Page::new(VXML, next).after(Duration::from_millis(2_500));
    let _url = site.web.put("/app/late.vxml", late);
    let id = site.call().await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
    let heard = tone_ms(&site);
    assert!(heard > 500, "{heard} ms of a clip of 300 that repeats");
}

/// V2.0 4.1.8: with `fetchaudio` the prompts before it are heard to their end first.
#[tokio::test]
async fn prompts_before_a_fetch_with_audio_are_heard_to_their_end() {
    let body = "<form><block><audio src='../tone.wav'/>\
                <goto next='next.vxml' fetchaudio='nothing.wav'/></block></form>";
    let site = Site::start(&page(body), &[]).await;
    site.tone("/tone.wav", 1_200);
    let next = page(&format!("<form><block>{CANCEL}</block></form>"));
    let _url = site.web.put("/app/next.vxml", Page::new(VXML, next));
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.press('5').await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
    let heard = tone_ms(&site);
    assert!(heard >= 1_100, "{heard} ms of 1,200");
}

/// V2.0 4.1.8: the last prompts are heard to their end although a key is pressed.
#[tokio::test]
async fn a_key_does_not_hold_up_the_end() {
    let body = format!("<form><block><audio src='../tone.wav'/>{CANCEL}</block></form>");
    let site = Site::start(&page(&body), &[]).await;
    site.tone("/tone.wav", 1_200);
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.press('5').await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
    let heard = tone_ms(&site);
    assert!(heard >= 1_100, "{heard} ms of 1,200");
}

/// V2.0 2.3.6: a key during the prompts of a recording stops them, and the recording begins.
#[tokio::test]
async fn a_key_stops_the_prompt_of_a_recording() {
    let body = format!(
        "<form><property name='timeout' value='1s'/><record name='r' maxtime='10s'>\
         <prompt><audio src='../tone.wav'/></prompt><noinput>{CANCEL}</noinput></record></form>"
    );
    let site = Site::start(&page(&body), &[]).await;
    site.tone("/tone.wav", 20_000);
    let id = site.call().await;
    site.hears_tone().await;
    site.phone.press('5').await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
    assert!(tone_ms(&site) < 15_000);
}

/// V2.0 5.2.6: a language that the synthesiser does not speak is `error.unsupported.language`.
#[tokio::test]
async fn a_language_that_nobody_speaks() {
    if !std::path::Path::new("/usr/bin/espeak-ng").exists() {
        testkit::skipped(module_path!(), "espeak-ng is not installed");
        return;
    }
    let form =
        "<form><field name='k' type='digits'><prompt xml:lang='xx'>Hello</prompt></field></form>";
    let phone = Talker::start(true).await;
    let config = ["tts = \"command:espeak-ng\""];
    let site = Site::with(
        phone,
        &catches("error.unsupported.language", form),
        &[],
        &config,
    )
    .await;
    let id = site.call().await;
    site.ends(&id, &["service_exit"], "CANCELLED").await;
}

/// V2.1 5: XML whose `access-control` does not name the page's host is `error.noauthorization`.
#[tokio::test]
async fn data_may_be_kept_from_pages_of_other_hosts() {
    let data = Web::start().await;
    for (rule, event) in [
        ("other.example.com", "error.noauthorization"),
        ("127.0.0.1", "done"),
    ] {
        let xml = format!("<?xml version='1.0'?><?access-control allow='{rule}'?><a/>");
        let url = data.put("/d.xml", Page::new("application/xml", xml));
        let form = format!(
            "<form><block><data name='d' src='{url}' maxage='0'/><throw event='done'/></block></form>"
        );
        let site = Site::start(&catches(event, &form), &[]).await;
        let id = site.call().await;
        site.ends(&id, &["service_exit"], "CANCELLED").await;
    }
}
