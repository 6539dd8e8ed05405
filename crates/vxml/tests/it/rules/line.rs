//! Recordings and transfers.

use serde_json::json;
use vxml::{Ending, TransferKind};

use crate::support::{page, vxml};

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

/// V2.1 9: a consultation leaves once the other side has answered, and tells why it did not.
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

/// V2.0 2.3.6: a local grammar ends a recording; `application.lastresult$` tells what was pressed.
#[test]
fn a_grammar_ends_a_recording() {
    let form = "<form><record name='r'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>* 9<tag>out='done';</tag></rule></grammar><filled><exit expr='[typeof r, r$.termchar, r$.utterance, r$.inputmode, application.lastresult$.utterance, application.lastresult$.interpretation]'/></filled></record></form>";
    assert_eq!(
        page(form).keys(&["*9"]).value(),
        json!(["string", "9", "*9", "dtmf", "*9", "done"])
    );
}

/// V2.0 2.3.6: with `dtmfterm` a key that no grammar wants ends a recording, without it not.
#[test]
fn a_key_that_nobody_wants_ends_a_recording_or_not() {
    let form = "<form><record name='r'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>* 9</rule></grammar><filled><exit expr='[r$.termchar, r$.utterance]'/></filled></record></form>";
    assert_eq!(page(form).keys(&["5"]).value(), json!(["5", "5"]));
    assert_eq!(page(form).keys(&["*5"]).value(), json!(["5", "5"]));
    let deaf = form.replace("<record ", "<record dtmfterm='false' ");
    assert_eq!(page(&deaf).keys(&["5*9"]).value(), json!([null, "*9"]));
    assert_eq!(page(&deaf).keys(&["5"]).value(), json!([null, null]));
}

/// V2.0 2.3.6: keys that could go on end a recording after `interdigittimeout`.
#[test]
fn keys_of_a_recording_may_go_on() {
    let form = "<form><record name='r' dtmfterm='false'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1 <item repeat='0-1'>2</item></rule></grammar><filled><exit expr='r$.utterance'/></filled></record></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!("1"));
    assert_eq!(page(form).keys(&["12"]).value(), json!("12"));
    assert_eq!(page(form).keys(&["17"]).value(), json!("1"));
}

/// V2.0 2.3.6: a recording is modal; with `modal="false"` the grammars around it end it, too.
#[test]
fn grammars_around_a_recording() {
    let form = "<link event='my.stop'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>7</rule></grammar></link><form><record name='r' dtmfterm='false'><filled><exit expr=\"'filled'\"/></filled><catch event='my.stop'><exit expr='[_event, typeof r]'/></catch></record></form>";
    assert_eq!(page(form).keys(&["7"]).value(), json!("filled"));
    let open = form.replace("<record ", "<record modal='false' ");
    assert_eq!(
        page(&open).keys(&["7"]).value(),
        json!(["my.stop", "string"])
    );
}

/// V2.0 2.3.6: a grammar of a recording may come from a file.
#[test]
fn a_grammar_of_a_recording_may_come_from_a_file() {
    let form = "<form><record name='r'><grammar src='end.grxml'/><filled><exit expr='r$.utterance'/></filled></record></form>";
    let grammar = "<grammar xmlns='http://www.w3.org/2001/06/grammar' mode='dtmf' version='1.0' root='r'><rule id='r'>4 2</rule></grammar>";
    let value = page(form).file("end.grxml", grammar).keys(&["42"]).value();
    assert_eq!(value, json!("42"));
}

/// V2.0 2.3.6: the longest duration ends a recording and `maxtime` says so.
#[test]
fn a_recording_ends_at_its_longest_duration() {
    let value = page("<form><record name='r' maxtime='3s' dtmfterm='false'><filled><exit expr='[r$.maxtime, typeof r$.termchar]'/></filled></record></form>").keys(&["1"]).value();
    assert_eq!(value, json!([true, "undefined"]));
}

/// V2.0 2.3.6: a recording that has a value is not made.
#[test]
fn a_recording_that_is_there_is_not_made() {
    let value =
        page("<form><record name='r' expr='1'/><block><exit expr='r'/></block></form>").value();
    assert_eq!(value, json!(1));
}

/// V2.0 2.3.7: exactly one of `dest` and `destexpr`, at most one of `type` and `bridge`, of `aai` and `aaiexpr`.
#[test]
fn attributes_of_a_transfer_that_contradict() {
    for transfer in [
        "<transfer/>",
        "<transfer dest='tel:1' destexpr='1'/>",
        "<transfer dest='tel:1' type='blind' bridge='true'/>",
        "<transfer dest='tel:1' type='other'/>",
        "<transfer dest='tel:1' aai='a' aaiexpr='1'/>",
    ] {
        let report = page(&format!("<form>{transfer}</form>")).run();
        assert_eq!(report.error(), "error.badfetch", "{transfer}");
    }
}

/// V2.0 2.3.7: the hang-up of the caller during a transfer leaves the variable undefined.
#[test]
fn a_hang_up_during_a_transfer() {
    let value = page("<form><transfer name='t' dest='tel:1' bridge='true'><catch event='connection.disconnect.hangup'><exit expr='typeof t'/></catch></transfer></form>").keys(&["hangup"]).value();
    assert_eq!(value, json!("undefined"));
}

/// V2.0 5.1.5: keys that end a transfer are the last result.
#[test]
fn keys_that_end_a_transfer_are_the_last_result() {
    let form = "<form><transfer name='t' dest='tel:1' type='bridge'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>9<tag>out='nine';</tag></rule></grammar><filled><exit expr='[application.lastresult$.utterance, application.lastresult$.interpretation]'/></filled></transfer></form>";
    assert_eq!(page(form).keys(&["9"]).value(), json!(["9", "nine"]));
}

/// V2.0 5.3.11: `disconnect` throws `connection.disconnect.hangup`, after which the page may still act.
#[test]
fn disconnect_throws_the_hang_up() {
    let report = page("<form><block><prompt>bye</prompt><disconnect/></block></form><catch event='connection.disconnect.hangup'><prompt>unheard</prompt><log>after</log><submit next='s' namelist='_event'/></catch>").file("s", &vxml("<form><block><log>sent</log></block></form>")).run();
    assert_eq!(report.prompts(), ["bye"]);
    assert_eq!(report.logs(), ["after", "sent"]);
    assert_eq!(
        report.ending,
        Ending::Disconnect {
            names: serde_json::Map::new()
        }
    );
}

/// R 6: what `disconnect` says counts before what its handler exits with.
#[test]
fn disconnect_says_more_than_its_handler() {
    let form = "<var name='a' expr='1'/><var name='b' expr='2'/><form><block><disconnect namelist='a'/></block></form><catch event='connection.disconnect.hangup'><exit namelist='b'/></catch>";
    let names = |report: crate::support::Report| match report.ending {
        Ending::Disconnect { names } => json!(names),
        other => panic!("{other:?}"),
    };
    assert_eq!(names(page(form).run()), json!({"a": 1}));
    let bare = form.replace("<disconnect namelist='a'/>", "<disconnect/>");
    assert_eq!(names(page(&bare).run()), json!({"b": 2}));
}
