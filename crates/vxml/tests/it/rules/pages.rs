//! Pages, jumps, submits and ends.

use serde_json::json;
use vxml::{Answer, Body, Effect, FetchKind, Input, Session, Start};

use crate::support::{document, page, vxml};

/// V2.0 1.5.1: a page begins with its first dialog.
#[test]
fn a_page_begins_with_its_first_dialog() {
    assert_eq!(page("<form><block><exit expr='1'/></block></form><form><block><exit expr='2'/></block></form>").value(), json!(1));
}

/// V2.0 5.3.7: `goto next` jumps to a dialog of the page, or to another page and its dialog.
#[test]
fn goto_jumps() {
    let start = |next: &str| {
        page(&format!("<form><block><goto next='{next}'/></block></form><form id='b'><block><exit expr=\"'here'\"/></block></form>"))
            .file("sub/o.vxml", &vxml("<form><block><exit expr=\"'first'\"/></block></form><form id='z'><block><exit expr=\"'z'\"/></block></form>"))
            .value()
    };
    assert_eq!(start("#b"), json!("here"));
    assert_eq!(start("sub/o.vxml"), json!("first"));
    assert_eq!(start("sub/o.vxml#z"), json!("z"));
}

/// V2.0 5.3.7: `goto expr` computes the address.
#[test]
fn goto_may_compute_the_address() {
    assert_eq!(page("<form><block><goto expr=\"'#' + 'b'\"/></block></form><form id='b'><block><exit expr='1'/></block></form>").value(), json!(1));
}

/// V2.0 5.3.7: relative addresses are resolved against the page, or its `xml:base`.
#[test]
fn addresses_are_relative_to_the_page() {
    let report = page("<form><block><goto next='a/b.vxml?x=1'/></block></form>").run();
    assert_eq!(
        report.requests.last().unwrap().url,
        "http://pages.test/a/b.vxml?x=1"
    );
    let based = "<vxml version='2.1' xml:base='http://other.test/dir/'><form><block><goto next='c.vxml'/></block></form></vxml>";
    assert_eq!(
        document(based).run().requests.last().unwrap().url,
        "http://other.test/dir/c.vxml"
    );
}

/// V2.0 5.3.8: `submit` sends the named variables by GET.
#[test]
fn submit_sends_names_by_get() {
    let report = page("<var name='a' expr=\"'x y'\"/><var name='o' expr='{n: 1}'/><form><block><submit next='s.vxml' namelist='a o'/></block></form>").run();
    assert_eq!(
        report.requests.last().unwrap().url,
        "http://pages.test/s.vxml?a=x%20y&o=%7B%22n%22%3A1%7D"
    );
}

/// V2.0 5.3.8: `submit` sends by POST when the page says so.
#[test]
fn submit_sends_by_post() {
    let report = page("<var name='a' expr='1'/><form><block><submit expr=\"'s.vxml'\" method='post' namelist='a'/></block></form>").run();
    let request = report.requests.last().unwrap();
    assert_eq!(
        (request.url.as_str(), request.body.clone()),
        (
            "http://pages.test/s.vxml",
            Some(Body::Form("a=1".to_owned()))
        )
    );
}

/// V2.0 5.3.8: without a namelist `submit` sends the named input items.
#[test]
fn submit_sends_input_items_by_itself() {
    let report = page("<var name='v' expr='1'/><form><field name='k' type='digits?length=1'/><block name='b'><submit next='s.vxml'/></block></form>").keys(&["5"]).run();
    assert_eq!(
        report.requests.last().unwrap().url,
        "http://pages.test/s.vxml?k=5"
    );
}

/// V2.0 5.3.9: `exit` ends with a value or with names.
#[test]
fn exit_ends() {
    assert_eq!(
        page("<form><block><exit expr='1+1'/></block></form>").value(),
        json!(2)
    );
    assert_eq!(page("<var name='a' expr='1'/><form><var name='b' expr=\"'x'\"/><block><exit namelist='a b'/></block></form>").value(), json!({"a": 1, "b": "x"}));
}

/// V2.1 8: `disconnect` ends with names.
#[test]
fn disconnect_ends_with_names() {
    let report =
        page("<var name='a' expr='1'/><form><block><disconnect namelist='a'/></block></form>")
            .run();
    let vxml::Ending::Disconnect { names } = report.ending else {
        panic!("no disconnect")
    };
    assert_eq!(names["a"], json!(1));
}

/// V2.0 6.1.2: attributes and properties govern fetching.
#[test]
fn fetching_has_properties() {
    let report = page("<property name='fetchtimeout' value='4s'/><property name='documentmaxage' value='60'/><form><block><goto next='a.vxml' maxstale='5'/></block></form>").run();
    let request = report.requests.last().unwrap();
    assert_eq!(
        (
            request.kind,
            request.timeout_ms,
            request.max_age_s,
            request.max_stale_s
        ),
        (FetchKind::Document, 4_000, Some(60), Some(5))
    );
    let report =
        page("<form><block><goto next='a.vxml' fetchtimeout='1500ms'/></block></form>").run();
    assert_eq!(report.requests.last().unwrap().timeout_ms, 1_500);
}

/// A call by hand: what it plays, and the request that is open.
struct Hand {
    session: Session,
    open: u64,
}

impl Hand {
    fn start(content: &str) -> Self {
        let mut session = Session::new(Start {
            speech: true,
            ..Start::default()
        })
        .unwrap();
        session.start("http://pages.test/main.vxml", 0);
        let mut hand = Self { session, open: 0 };
        hand.told();
        hand.answer(0, &vxml(content));
        hand
    }

    /// Plays (`+` when they repeat) and stops since the last look.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                Effect::Fetch(request) => self.open = request.id,
                Effect::Play(play) => {
                    let sign = if play.repeats { "+" } else { "" };
                    told.push(format!("{sign}play {}", play.id));
                }
                Effect::StopPlay(id) => told.push(format!("stop {id}")),
                Effect::Ended(_) => told.push("ended".to_owned()),
                _ => {}
            }
        }
        told
    }

    fn answer(&mut self, at_ms: i64, page: &str) {
        let answer = Ok(Answer {
            body: page.into(),
            ..Answer::default()
        });
        let id = self.open;
        self.session.handle(Input::Fetched { id, answer }, at_ms);
    }

    fn at(&mut self, at_ms: i64) -> Vec<String> {
        self.session.handle(Input::Time, at_ms);
        self.told()
    }
}

const NEXT: &str = "<form><block><exit/></block></form>";

/// V2.0 6.3.5: `fetchaudio` begins after `fetchaudiodelay` and is heard for `fetchaudiominimum`.
#[test]
fn audio_is_heard_while_a_page_is_fetched() {
    let first = |more: &str| {
        format!(
            "<property name='fetchaudiodelay' value='1s'/><property name='fetchaudiominimum' \
             value='3s'/>{more}<form><block><goto next='b.vxml' fetchaudio='w.wav'/></block></form>"
        )
    };
    let mut quick = Hand::start(&first(""));
    assert!(quick.told().is_empty());
    assert_eq!(quick.session.next_time(), Some(1_000));
    quick.answer(900, &vxml(NEXT));
    assert_eq!(quick.told(), ["ended"], "it came before the audio");
    let mut slow = Hand::start(&first(""));
    assert!(slow.at(999).is_empty());
    assert_eq!(slow.at(1_000), ["+play 3"]);
    slow.answer(2_000, &vxml(NEXT));
    assert!(slow.told().is_empty(), "it is heard at least for its time");
    assert_eq!(slow.session.next_time(), Some(4_000));
    assert_eq!(slow.at(4_000), ["stop 3", "ended"]);
    let mut property = Hand::start(
        &first("<property name='fetchaudio' value='w.wav'/>")
            .replace("fetchaudio='w.wav'/></block>", "/></block>"),
    );
    assert_eq!(property.at(1_000), ["+play 3"]);
    let mut missing = Hand::start(&first(""));
    assert_eq!(missing.at(1_000), ["+play 3"]);
    missing.session.handle(Input::Unplayable(3), 1_100);
    missing.answer(1_200, &vxml(NEXT));
    assert_eq!(missing.told(), ["ended"], "silence needs no time");
}

/// V2.0 4.1.8: with `fetchaudio` the prompts queued before are played to their end first.
#[test]
fn prompts_come_before_the_audio_of_a_fetch() {
    let content = "<form><block>one<goto next='b.vxml' fetchaudio='w.wav'/></block></form>";
    let mut call = Hand::start(content);
    assert_eq!(call.told(), ["play 3"]);
    assert_eq!(call.session.next_time(), None);
    call.session.handle(Input::Key('1'), 500);
    call.answer(1_000, &vxml(NEXT));
    assert!(call.told().is_empty());
    call.session.handle(Input::Played(3), 2_500);
    assert_eq!(call.told(), ["ended"]);
    let mut late = Hand::start(content);
    assert_eq!(late.told(), ["play 3"]);
    late.session.handle(Input::Played(3), 2_500);
    assert_eq!(late.at(2_500), ["+play 4"]);
    late.session.handle(Input::Hangup, 3_000);
    assert_eq!(late.told(), ["stop 4"]);
    late.answer(3_100, &vxml("<form><field type='digits'/></form>"));
    assert_eq!(late.told(), ["ended"]);
}

/// V2.0 6.3.5: there is no such audio for scripts and grammars.
#[test]
fn scripts_and_grammars_are_fetched_in_silence() {
    let mut call = Hand::start(
        "<property name='fetchaudio' value='w.wav'/><form><field name='a'><grammar src='g.grxml' mode='dtmf'/><prompt>one</prompt></field></form>",
    );
    assert!(call.told().is_empty());
    assert_eq!(call.session.next_time(), None);
}

/// V2.0 5.2.6: an error of loading a page belongs to the page that wanted it.
#[test]
fn an_error_of_loading_belongs_to_the_old_page() {
    let value = page("<form><block><goto next='gone.vxml'/></block><catch event='error.badfetch'><exit expr='_event'/></catch></form>").value();
    assert_eq!(value, json!("error.badfetch.http.404"));
}

/// V2.0 5.2.6: an error in the variables of a page belongs to that page.
#[test]
fn an_error_of_initialising_belongs_to_the_new_page() {
    let value = page("<form><block><goto next='new.vxml'/></block></form><catch event='error'><exit expr=\"'old'\"/></catch>")
        .file("new.vxml", &vxml("<var name='x' expr='nobody'/><catch event='error.semantic'><exit expr=\"'new'\"/></catch><form/>"))
        .value();
    assert_eq!(value, json!("new"));
}

/// V2.0 6.3: properties hold from where they stand inwards; the innermost one wins.
#[test]
fn the_innermost_property_wins() {
    let page = page(
        "<property name='timeout' value='1s'/><form><property name='timeout' value='2s'/><field type='digits'><property name='timeout' value='7s'/><noinput><exit/></noinput></field></form>",
    );
    assert_eq!(page.run().now_ms, 7_000);
}

/// V2.0 6.3: unknown properties are accepted.
#[test]
fn unknown_properties_are_accepted() {
    assert_eq!(page("<property name='com.genesyslab.x' value='1'/><form><block><exit expr='1'/></block></form>").value(), json!(1));
}

/// G 7: `gvp:expr` computes the value of a property.
#[test]
fn a_property_may_be_computed() {
    let text = "<vxml version='2.1' xmlns:gvp='http://www.genesyslab.com/2006/vxml21-extension'><var name='t' expr='3'/><property name='timeout' gvp:expr=\"t + 's'\"/><form><field type='digits'><noinput><exit/></noinput></field></form></vxml>";
    assert_eq!(document(text).run().now_ms, 3_000);
}

/// V2.0 2.5: a link jumps or throws from anywhere in its scope.
#[test]
fn a_link_jumps_or_throws() {
    let content = |link: &str| {
        format!(
            "{link}<form><field type='digits?length=2'/></form><form id='z'><block><exit expr=\"'z'\"/></block></form><catch event='e'><exit expr=\"'e' + _message\"/></catch>"
        )
    };
    assert_eq!(
        page(&content("<link next='#z' dtmf='*'/>"))
            .keys(&["*"])
            .value(),
        json!("z")
    );
    assert_eq!(page(&content("<link event='e' message='m'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>* 0</rule></grammar></link>")).keys(&["*0"]).value(), json!("em"));
}

/// G 7: `gvp:send` hands data out and `gvp:receive` waits for data.
#[test]
fn data_goes_out_and_comes_in() {
    let text = "<vxml version='2.1' xmlns:gvp='http://www.genesyslab.com/2006/vxml21-extension'><var name='a' expr='1'/><form><block><gvp:send namelist='a' event='done'/><gvp:receive maxtime='2s'/><exit expr='application.lastmessage$.content.x'/></block></form><catch event='error.com.genesyslab.composer.receiveerror'><exit expr=\"'late'\"/></catch></vxml>";
    let report = document(text).keys(&["{\"x\": 5}"]).run();
    assert_eq!(report.logs(), ["done {\"a\":1}"]);
    assert_eq!(document(text).keys(&["{\"x\": 5}"]).value(), json!(5));
    assert_eq!(document(text).value(), json!("late"));
}

/// V2.0 4.1.8: prompts queued before `gvp:receive` are played before it waits.
#[test]
fn prompts_are_played_before_a_message_is_waited_for() {
    let text = "<vxml version='2.1' xmlns:gvp='http://www.genesyslab.com/2006/vxml21-extension'><form><block>hold on<gvp:receive maxtime='2s'/>thanks<exit/></block></form></vxml>";
    let report = document(text).keys(&["{}"]).run();
    assert_eq!(report.prompts(), ["hold on", "thanks"]);
}

/// V2.0 1.5.2: a root that is reached by `goto` keeps its variables, one that is submitted to begins anew.
#[test]
fn a_root_that_is_submitted_to_begins_anew() {
    let root = "<vxml version='2.1'><var name='n' expr='0'/><form><block><exit expr='n'/></block></form></vxml>";
    let leaf = |jump: &str| {
        let text = format!(
            "<vxml version='2.1' application='root.vxml'><form><block><assign name='n' expr='5'/><{jump} next='root.vxml'/></block></form></vxml>"
        );
        document(&text).file("root.vxml", root).value()
    };
    assert_eq!(leaf("goto"), json!(5));
    assert_eq!(leaf("submit"), json!(0));
}

/// V2.0 1.5.2: no dialog of a root runs when a page brings it along.
#[test]
fn dialogs_of_a_root_do_not_run_by_themselves() {
    let root = "<vxml version='2.1'><var name='x' expr='1'/><form><block><exit expr=\"'root'\"/></block></form></vxml>";
    let value = document("<vxml version='2.1' application='root.vxml'><form><block><exit expr='x'/></block></form></vxml>").file("root.vxml", root).value();
    assert_eq!(value, json!(1));
}

/// V2.0 1.5.2: a root that cannot be had is `error.badfetch`.
#[test]
fn a_root_that_cannot_be_had() {
    let report = document("<vxml version='2.1' application='nowhere.vxml'><form/></vxml>").run();
    assert_eq!(report.error(), "error.badfetch.http.404");
}

/// V2.0 2.5: a link has exactly one of `next`, `expr`, `event` and `eventexpr`, and may compute them.
#[test]
fn a_link_has_one_target() {
    for attributes in ["", "next='#f' event='e'", "expr='1' next='#f'"] {
        let report = page(&format!("<link dtmf='1' {attributes}/><form id='f'/>")).run();
        assert_eq!(report.error(), "error.badfetch", "{attributes}");
    }
    let link = "<var name='where' expr=\"'#g'\"/><link dtmf='7' expr='where'/><form><field name='k' type='digits?length=3'/></form><form id='g'><block><exit expr='1'/></block></form>";
    assert_eq!(page(link).keys(&["7"]).value(), json!(1));
    let link = "<link dtmf='7' eventexpr=\"'my.' + 'event'\" message='m'/><form><field name='k' type='digits?length=3'/></form><catch event='my.event'><exit expr='_message'/></catch>";
    assert_eq!(page(link).keys(&["7"]).value(), json!("m"));
}

/// V2.0 2.5: a link of the root leads to where the root says, whatever page is in use.
#[test]
fn a_link_of_the_root_leads_from_the_root() {
    let root = "<vxml version='2.1'><link dtmf='7' next='#help'/><form id='help'><block><exit expr=\"'root'\"/></block></form></vxml>";
    let leaf = "<vxml version='2.1' application='sub/root.vxml'><form><field name='k' type='digits?length=3'/></form></vxml>";
    let value = document(leaf)
        .file("sub/root.vxml", root)
        .keys(&["7"])
        .value();
    assert_eq!(value, json!("root"));
}

/// V2.0 5.3.7: `goto` has exactly one of `next`, `expr`, `nextitem` and `expritem`.
#[test]
fn goto_has_one_target() {
    for attributes in [
        "",
        "next='#f' expr='1'",
        "nextitem='a' next='#f'",
        "nextitem='a' expritem='1'",
    ] {
        let report = page(&format!(
            "<form id='f'><block name='a'><goto {attributes}/></block></form>"
        ))
        .run();
        assert_eq!(report.error(), "error.badfetch", "{attributes}");
    }
}

/// V2.0 5.3.7: a fragment alone stays in the page with its variables; an address fetches it again.
#[test]
fn a_fragment_stays_in_the_page() {
    let report = page("<var name='n' expr='0'/><form><block><assign name='n' expr='1'/><goto next='#g'/></block></form><form id='g'><block><exit expr='n'/></block></form>").run();
    assert_eq!(report.requests.len(), 1);
    let report = page("<form><block><goto next='main.vxml#g'/></block></form><form id='g'><block><exit/></block></form>").run();
    assert_eq!(report.requests.len(), 2);
}

/// V2.0 5.3.8: `submit` has exactly one of `next` and `expr`, and always fetches.
#[test]
fn submit_has_one_target() {
    for attributes in ["", "next='a' expr='1'"] {
        let report = page(&format!(
            "<form><block><submit {attributes}/></block></form>"
        ))
        .run();
        assert_eq!(report.error(), "error.badfetch", "{attributes}");
    }
    let report = page("<form><block><submit expr=\"'#g'\"/></block></form><form id='g'><block><exit/></block></form>").run();
    assert_eq!(report.requests.len(), 2);
}

/// V2.0 5.3.8: a name that nobody declared is `error.semantic`.
#[test]
fn submit_sends_declared_names() {
    let report = page("<form><block><submit next='a' namelist='nobody'/></block></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 6.1.1: `fetchhint` is `prefetch` or `safe`; both are taken.
#[test]
fn hints_of_fetching() {
    let fetch = |hint: &str| {
        page(&format!(
            "<form><block><goto next='a.vxml' fetchhint='{hint}'/></block></form>"
        ))
        .file("a.vxml", &vxml("<form/>"))
        .run()
    };
    assert_eq!(fetch("prefetch").ending, vxml::Ending::End);
    assert_eq!(fetch("safe").ending, vxml::Ending::End);
    assert_eq!(fetch("now").error(), "error.badfetch");
}

/// V2.0 6.1.2: `maxage` and `maxstale` are numbers; an element says more than a property.
#[test]
fn ages_of_copies() {
    let report = page("<property name='documentmaxage' value='60'/><property name='documentmaxstale' value='5'/><form><block><goto next='a.vxml' maxage='7' fetchtimeout='3s'/></block></form>").file("a.vxml", &vxml("<form/>")).run();
    let request = report.requests.last().unwrap();
    assert_eq!(
        (request.max_age_s, request.max_stale_s, request.timeout_ms),
        (Some(7), Some(5), 3_000)
    );
    let report = page("<form><block><goto next='a.vxml' maxage='soon'/></block></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 6.2.1: `meta` has exactly one of `name` and `http-equiv`, and a content.
#[test]
fn meta_has_a_name_and_a_content() {
    for meta in [
        "<meta content='a'/>",
        "<meta name='a'/>",
        "<meta name='a' http-equiv='b' content='c'/>",
    ] {
        assert_eq!(
            page(&format!("{meta}<form/>")).run().error(),
            "error.badfetch",
            "{meta}"
        );
    }
    let page = page(
        "<meta name='author' content='me'/><meta http-equiv='Expires' content='0'/><metadata><x xmlns='urn:x'/></metadata><form/>",
    );
    assert_eq!(page.run().ending, vxml::Ending::End);
}

/// V2.0 6.5: times are numbers with a unit.
#[test]
fn times_have_units() {
    for (time, ms) in [
        ("2s", 2_000),
        ("850ms", 850),
        ("0.7s", 700),
        ("+1.5s", 1_500),
    ] {
        let form = format!(
            "<form><field name='k' type='digits'><property name='timeout' value='{time}'/><noinput><exit/></noinput></field></form>"
        );
        assert_eq!(page(&form).keys(&[""]).run().now_ms, ms, "{time}");
    }
    let report = page(
        "<form><field name='k' type='digits'><property name='timeout' value='-1s'/></field></form>",
    )
    .run();
    assert_eq!(report.error(), "error.semantic");
}

/// G 7: without a session `gvp:send` and `gvp:receive` are `error.unsupported.send` and `error.unsupported.receive`.
#[test]
fn nobody_to_talk_with() {
    for element in ["send", "receive"] {
        let text = format!(
            "<vxml version='2.1' xmlns:gvp='http://www.genesyslab.com/2006/vxml21-extension'><form><block><gvp:{element}/></block></form></vxml>"
        );
        let mut call = document(&text);
        call.start.messages = false;
        assert_eq!(call.run().error(), format!("error.unsupported.{element}"));
    }
}
