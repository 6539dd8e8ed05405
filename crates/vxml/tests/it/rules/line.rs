//! Recordings and transfers.

use serde_json::json;
use vxml::{Ending, TransferKind};

use crate::support::page;

/// V2.0 2.3.6: a recording fills its variable and tells duration, size and key.
#[test]
fn a_recording_fills_its_variable() {
    let value = page("<form><record name='r' maxtime='20s'><prompt>speak</prompt><filled><exit expr=\"[typeof r, r$.duration, r$.size, r$.termchar, r$.maxtime]\"/></filled></record></form>").keys(&["#"]).value();
    assert_eq!(value, json!(["string", 3000, 48000, "#", false]));
}

/// V2.0 2.3.6: a recording is played by `value` and by `audio`.
#[test]
fn a_recording_is_played() {
    let report =
        page("<form><record name='r'/><block><value expr='r'/><audio expr='r'/></block></form>")
            .keys(&["1"])
            .run();
    assert_eq!(report.prompts(), ["[recording:1] [recording:1]"]);
}

/// V2.0 2.3.6: no sound at all is a `noinput` and the variable stays undefined.
#[test]
fn silence_is_no_recording() {
    let value =
        page("<form><record name='r'><noinput><exit expr='typeof r'/></noinput></record></form>")
            .keys(&[""])
            .value();
    assert_eq!(value, json!("undefined"));
}

/// V2.0 2.3.6: what was recorded before the hang-up is kept for its handler.
#[test]
fn the_hang_up_keeps_the_recording() {
    let value = page("<form><record name='r'><catch event='connection.disconnect.hangup'><exit expr='r$.duration'/></catch></record></form>").keys(&["hangup"]).value();
    assert_eq!(value, json!(3000));
}

/// V2.0 2.3.6: a recording is sent as a part of a form.
#[test]
fn a_recording_is_sent() {
    let report = page("<form><record name='r'/><block><submit next='s.vxml' method='post' enctype='multipart/form-data' namelist='r'/></block></form>").keys(&["1"]).run();
    let Some(vxml::Body::Multipart(parts)) = &report.requests.last().unwrap().body else {
        panic!("no parts")
    };
    assert_eq!(
        parts[0].value,
        vxml::PartValue::Recording("recording:1".to_owned())
    );
}

/// V2.0 2.3.6: a type that cannot be recorded is `error.unsupported.format`.
#[test]
fn unknown_types_of_recordings() {
    assert_eq!(
        page("<form><record name='r' type='video/mp4'/></form>")
            .run()
            .error(),
        "error.unsupported.format"
    );
}

/// V2.0 2.3.7.1: a blind transfer ends with `connection.disconnect.transfer`.
#[test]
fn a_blind_transfer_leaves() {
    let report = page("<form><transfer name='t' dest='tel:+4930' type='blind'/></form>").run();
    assert_eq!(report.ending, Ending::Transferred);
    let value = page("<form><transfer name='t' dest='tel:+4930'/></form><catch event='connection.disconnect.transfer'><exit expr=\"'left'\"/></catch>").value();
    assert_eq!(value, json!("left"));
}

/// V2.0 2.3.7.2: a bridge fills the variable with how it ended and tells its duration.
#[test]
fn a_bridge_tells_how_it_ended() {
    let form = "<form><transfer name='t' destexpr=\"'sip:a@b'\" bridge='true'><filled><exit expr='[t, t$.duration]'/></filled></transfer></form>";
    for result in [
        "busy",
        "noanswer",
        "network_busy",
        "near_end_disconnect",
        "far_end_disconnect",
        "network_disconnect",
        "maxtime_disconnect",
        "unknown",
    ] {
        assert_eq!(page(form).keys(&[result]).value(), json!([result, 3]));
    }
}

/// V2.0 2.3.7.2: a grammar for keys ends a bridge.
#[test]
fn keys_end_a_bridge() {
    let form = "<form><transfer name='t' dest='tel:1' type='bridge'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>* *</rule></grammar><filled><exit expr='[t, t$.utterance, t$.inputmode]'/></filled></transfer></form>";
    assert_eq!(
        page(form).keys(&["1**"]).value(),
        json!(["near_end_disconnect", "**", "dtmf"])
    );
}

/// V2.0 2.3.7: a grammar of a transfer may come from a file; no other grammar listens meanwhile.
#[test]
fn only_its_own_grammars_end_a_bridge() {
    let grammar = |keys: &str| {
        format!(
            "<grammar xmlns='http://www.w3.org/2001/06/grammar' mode='dtmf' version='1.0' \
             root='r'><rule id='r'>{keys}</rule></grammar>"
        )
    };
    let value = page("<link event='other'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>5</rule></grammar></link><form><transfer name='t' dest='tel:1' type='bridge'><grammar src='end.grxml'/><filled><exit expr='[t, t$.utterance]'/></filled></transfer></form>")
        .file("end.grxml", &grammar("* 9"))
        .keys(&["5*9"])
        .value();
    assert_eq!(value, json!(["near_end_disconnect", "*9"]));
}

/// V2.0 2.3.7: keys that a grammar of a transfer takes while prompts play call it off.
#[test]
fn a_transfer_is_called_off() {
    let form = "<form><transfer name='t' dest='tel:1' type='blind'><prompt>wait</prompt><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>9</rule></grammar><filled><exit expr='[t, t$.duration, t$.utterance]'/></filled></transfer></form>";
    let called_off = json!(["near_end_disconnect", 0, "9"]);
    assert_eq!(page(form).keys(&["9"]).value(), called_off);
    assert_eq!(page(form).keys(&["", ""]).run().ending, Ending::Transferred);
    let deaf = form.replace("<prompt>", "<prompt bargein='false'>");
    assert_eq!(page(&deaf).keys(&[""]).run().ending, Ending::Transferred);
}

/// R 10: a session that passes its call on over and over is ended in its limit.
#[test]
fn transfers_are_counted() {
    let form = "<form id='f'><transfer name='t' dest='tel:1' type='bridge'><filled><clear/></filled></transfer></form>";
    assert_eq!(page(form).run().error(), "error.com.ringback.limit");
}

/// V2.1 7: a consultation leaves once the other side has answered, and tells why it did not.
#[test]
fn a_consultation_leaves_or_tells() {
    let form = "<form><transfer name='t' dest='tel:1' type='consultation'><filled><exit expr='t'/></filled></transfer></form>";
    assert_eq!(page(form).keys(&["busy"]).value(), json!("busy"));
    assert_eq!(page(form).run().ending, Ending::Transferred);
}

/// V2.0 2.3.7.3: a transfer that fails is an error of the connection.
#[test]
fn a_failed_transfer_is_an_error() {
    let form = "<form><transfer name='t' dest='tel:1' type='bridge'/></form>";
    for kind in [
        "noauthorization",
        "baddestination",
        "noroute",
        "noresource",
        "protocol.503",
    ] {
        assert_eq!(
            page(form).keys(&[&format!("error:{kind}")]).run().error(),
            format!("error.connection.{kind}")
        );
    }
}

/// V2.0 2.3.7.3: kinds and addresses that the line cannot do are errors.
#[test]
fn what_the_line_cannot_do() {
    let mut call = page("<form><transfer name='t' dest='tel:1' type='blind'/></form>");
    call.start.transfers = vec![TransferKind::Bridge];
    assert_eq!(call.run().error(), "error.unsupported.transfer.blind");
    assert_eq!(
        page("<form><transfer name='t' dest='mailto:x'/></form>")
            .run()
            .error(),
        "error.unsupported.uri"
    );
    assert_eq!(
        page("<form><transfer name='t' dest='somewhere'/></form>")
            .run()
            .error(),
        "error.connection.baddestination"
    );
}
