//! Events and their handlers.

use serde_json::json;

use crate::support::{document, page, vxml};

/// V2.0 5.2.1: `throw` throws an event with a message, fixed or computed.
#[test]
fn throw_throws() {
    let value = page("<form><block><throw event='a.b' message='m'/></block><catch event='a.b'><exit expr=\"_event+_message\"/></catch></form>").value();
    assert_eq!(value, json!("a.bm"));
    let value = page("<form><block><throw eventexpr=\"'a.'+'c'\" messageexpr='1+1'/></block><catch event='a'><exit expr=\"_event+_message\"/></catch></form>").value();
    assert_eq!(value, json!("a.c2"));
}

/// V2.0 5.2.2: a handler matches by whole parts of the name.
#[test]
fn a_handler_matches_by_parts() {
    let value = page("<form><block><throw event='ab.c'/></block><catch event='a'><exit expr='1'/></catch><catch event='x ab'><exit expr='2'/></catch></form>").value();
    assert_eq!(value, json!(2));
}

/// V2.0 5.2.2: a handler without names, or with a point, takes all events.
#[test]
fn a_handler_without_names_takes_all() {
    for catch in ["<catch>", "<catch event='.'>"] {
        let value = page(&format!("<form><block><throw event='any.thing'/></block>{catch}<exit expr='_event'/></catch></form>")).value();
        assert_eq!(value, json!("any.thing"));
    }
}

/// V2.0 5.2.2: without a message `_message` is undefined.
#[test]
fn a_missing_message_is_undefined() {
    let value = page("<form><block><throw event='e'/></block><catch event='e'><exit expr='typeof _message'/></catch></form>").value();
    assert_eq!(value, json!("undefined"));
}

/// V2.0 5.2.2: counts of an item count the event and its prefixes.
#[test]
fn counts_choose_the_handler() {
    let form = "<form><field name='k' type='digits?length=1'><noinput>one</noinput><noinput count='2'>two</noinput><noinput count='4'><exit expr=\"'four'\"/></noinput></field></form>";
    let report = page(form).keys(&["", "", "", ""]).run();
    assert_eq!(report.prompts(), ["one", "two", "two"]);
    assert_eq!(page(form).value(), json!("four"));
}

/// V2.0 5.2.2: counts start again when the form is entered again.
#[test]
fn counts_start_again_with_the_form() {
    let form = "<var name='n' expr='0'/><form id='f'><field name='k' type='digits?length=1'><noinput count='1'><assign name='n' expr='n+1'/><if cond='n == 3'><exit expr=\"'first'\"/></if><goto next='#f'/></noinput><noinput count='2'><exit expr=\"'second'\"/></noinput></field></form>";
    assert_eq!(page(form).value(), json!("first"));
}

/// V2.0 5.2.4: a handler with a false `cond` is no candidate.
#[test]
fn a_false_condition_takes_a_handler_out() {
    let value = page("<form><block><throw event='e'/></block><catch event='e' cond='false'><exit expr='1'/></catch><catch event='e' cond=\"_event == 'e'\"><exit expr='2'/></catch></form>").value();
    assert_eq!(value, json!(2));
}

/// V2.0 5.2.4: with equal counts the nearest scope wins, then document order.
#[test]
fn the_nearest_scope_wins() {
    let value = page("<catch event='e'><exit expr=\"'document'\"/></catch><form><catch event='e'><exit expr=\"'form'\"/></catch><catch event='e'><exit expr=\"'later'\"/></catch><block><throw event='e'/></block></form>").value();
    assert_eq!(value, json!("form"));
    let value = page("<form><catch event='noinput'><exit expr=\"'form'\"/></catch><field type='digits'><noinput><exit expr=\"'field'\"/></noinput></field></form>").value();
    assert_eq!(value, json!("field"));
}

/// V2.0 5.2.4: a higher count wins over a nearer scope.
#[test]
fn a_higher_count_wins_over_a_nearer_scope() {
    let value = page("<catch event='noinput' count='2'><exit expr=\"'document'\"/></catch><form><field type='digits'><noinput/></field></form>").value();
    assert_eq!(value, json!("document"));
}

/// V2.0 5.2.4: a handler runs as if it stood in the item: it sees the variables of the dialog.
#[test]
fn a_handler_sees_the_variables_of_the_dialog() {
    let value = page("<catch event='e'><exit expr='local'/></catch><form><var name='local' expr='5'/><block><throw event='e'/></block></form>").value();
    assert_eq!(value, json!(5));
}

/// V2.0 5.2.4: an event in a handler is a new event.
#[test]
fn an_event_in_a_handler_is_a_new_event() {
    let value = page("<form><block><throw event='a'/></block><catch event='a'><throw event='b'/></catch><catch event='b'><exit expr='_event'/></catch></form>").value();
    assert_eq!(value, json!("b"));
}

/// V2.0 5.2.5: without a handler `noinput` and `nomatch` ask again.
#[test]
fn default_handlers_ask_again() {
    let report = page("<form><field type='digits?length=1'><prompt>ask</prompt><filled><exit/></filled></field></form>").keys(&["", "*", "1"]).run();
    assert_eq!(report.prompts(), ["ask", "ask", "ask"]);
    assert_eq!(report.events(), ["noinput", "nomatch"]);
}

/// V2.0 5.2.5: without a handler `help` asks again.
#[test]
fn default_help_asks_again() {
    let report = page("<link dtmf='0' event='help'/><form><field type='digits?length=2'><prompt>ask</prompt><filled><exit/></filled></field></form>").keys(&["0", "11"]).run();
    // A key of the field may be the link's as well: the field's grammar goes on.
    assert_eq!(report.events().first(), Some(&"help"));
    assert_eq!(report.prompts(), ["ask", "ask"]);
}

/// V2.0 5.2.5: without a handler `cancel` does nothing and nothing is asked again.
#[test]
fn default_cancel_does_nothing() {
    let report = page("<link dtmf='#' event='cancel'/><form><field type='digits?length=1'><prompt>ask</prompt><filled><exit/></filled></field></form>").keys(&["#", "1"]).run();
    assert_eq!(
        (report.events(), report.prompts()),
        (vec!["cancel"], vec!["ask"])
    );
}

/// V2.0 5.2.5: without a handler an error ends the application.
#[test]
fn an_error_without_a_handler_ends() {
    assert_eq!(
        page("<form><block><assign name='x' expr='1'/></block></form>")
            .run()
            .error(),
        "error.semantic"
    );
}

/// V2.0 5.2.5: without a handler unknown events and `exit` end the application.
#[test]
fn unknown_events_end() {
    assert_eq!(
        page("<form><block><throw event='what.ever'/></block></form>")
            .run()
            .error(),
        "what.ever"
    );
    let report = page("<form><block><throw event='exit'/></block></form>").run();
    assert!(matches!(report.ending, vxml::Ending::Exit { .. }));
}

/// V2.0 5.3.6: after a handler without `reprompt` nothing is asked again.
#[test]
fn without_reprompt_nothing_is_asked_again() {
    let report = page("<form><field type='digits?length=1'><prompt>ask</prompt><noinput>hm</noinput><filled><exit/></filled></field></form>").keys(&["", "1"]).run();
    assert_eq!(report.prompts(), ["ask", "hm"]);
}

/// V2.0 5.3.6: `reprompt` in a handler asks again and counts the prompt.
#[test]
fn reprompt_asks_again() {
    let report = page("<form><field type='digits?length=1'><prompt>ask</prompt><prompt count='2'>ask better</prompt><noinput>hm <reprompt/></noinput><filled><exit/></filled></field></form>").keys(&["", "1"]).run();
    assert_eq!(report.prompts(), ["ask", "hm", "ask better"]);
}

/// V2.0 5.3.6: prompts stay away after `goto nextitem` in a handler too, but not after a new form.
#[test]
fn a_jump_in_a_handler_keeps_prompts_away_within_the_form_only() {
    let within = "<form><field name='a' type='digits'><noinput><goto nextitem='b'/></noinput></field><field name='b' type='digits?length=1'><prompt>b</prompt><filled><exit/></filled></field></form>";
    assert!(page(within).keys(&["", "1"]).run().prompts().is_empty());
    let away = "<form><field name='a' type='digits'><noinput><goto next='#g'/></noinput></field></form><form id='g'><field name='b' type='digits?length=1'><prompt>b</prompt><filled><exit/></filled></field></form>";
    assert_eq!(page(away).keys(&["", "1"]).run().prompts(), ["b"]);
}

/// V2.0 5.2.3: the short forms are handlers of their event.
#[test]
fn short_forms_are_handlers() {
    assert_eq!(
        page("<form><field type='digits'><nomatch><exit expr='_event'/></nomatch></field></form>")
            .keys(&["*"])
            .value(),
        json!("nomatch")
    );
    assert_eq!(page("<error><exit expr='_event'/></error><form><block><throw event='error.x'/></block></form>").value(), json!("error.x"));
    assert_eq!(
        page("<help><exit expr='_event'/></help><form><block><throw event='help'/></block></form>")
            .value(),
        json!("help")
    );
}

/// V2.0 5.2: an event of an item counts for the item, one of a form's `filled` for the form.
#[test]
fn counters_belong_to_items_and_forms() {
    let form = "<var name='s' expr=\"''\"/><form><field name='a' type='digits?length=1'><filled><throw event='e'/></filled></field><filled><throw event='e'/></filled><catch event='e'><assign name='s' expr=\"s+'1'\"/></catch><catch event='e' count='2'><assign name='s' expr=\"s+'2'\"/></catch><block><exit expr='s'/></block></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!("1"));
}

/// V2.0 1.5.4: the hang-up reaches the page while it waits; afterwards it executes but does not play.
#[test]
fn after_the_hang_up_nothing_is_played() {
    let report = page("<form><field type='digits'><prompt>ask</prompt></field></form><catch event='connection.disconnect.hangup'><prompt>bye</prompt><log>gone</log><exit/></catch>").keys(&["hangup"]).run();
    assert_eq!(
        (report.prompts(), report.logs()),
        (vec!["ask"], vec!["gone"])
    );
}

/// V2.0 1.5.4: after the hang-up the application ends where it would wait.
#[test]
fn after_the_hang_up_a_wait_is_the_end() {
    let report = page("<form><field type='digits'/></form><catch event='connection.disconnect.hangup'><log>gone</log></catch>").keys(&["hangup"]).run();
    assert_eq!(report.ending, vxml::Ending::Hangup);
    assert_eq!(report.logs(), ["gone"]);
}

/// G 7: a handler gets `_element`, `_line` and `_url` of what threw.
#[test]
fn a_handler_knows_what_threw() {
    let value = page("<form><block>\n<assign name='nobody' expr='1'/></block><catch event='error'><exit expr='[_element, _line, _url]'/></catch></form>").value();
    assert_eq!(value, json!(["assign", 2, crate::support::MAIN]));
}

/// R 2: an error in the handler of an error ends the application.
#[test]
fn an_error_in_the_handler_of_an_error_ends() {
    let report = page("<form><block><throw event='error.x'/></block></form><catch event='error'><assign name='nobody' expr='1'/></catch>").run();
    assert_eq!(report.error(), "error.semantic");
    assert_eq!(report.events(), ["error.x"]);
}

/// V2.0 5.2.1: `throw` has exactly one of `event` and `eventexpr`, at most one of `message` and `messageexpr`.
#[test]
fn throw_says_one_event() {
    for attributes in [
        "",
        "event='a' eventexpr='1'",
        "event='a' message='m' messageexpr='1'",
    ] {
        let report = page(&format!(
            "<form><block><throw {attributes}/></block></form>"
        ))
        .run();
        assert_eq!(report.error(), "error.badfetch", "{attributes}");
    }
    let report = page("<form><block><throw eventexpr='undefined'/></block></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 5.2.2: one handler may name several events.
#[test]
fn a_handler_may_name_several_events() {
    let form = "<form><block><throw event='b'/></block><catch event='a b  c'><exit expr='_event'/></catch></form>";
    assert_eq!(page(form).value(), json!("b"));
}

/// V2.0 5.2.2: `count` of a handler is a number from 1.
#[test]
fn the_count_of_a_handler() {
    for count in ["0", "-1", "x"] {
        let report = page(&format!("<catch event='e' count='{count}'/><form/>")).run();
        assert_eq!(report.error(), "error.badfetch", "{count}");
    }
}

/// V2.0 5.2.3: short forms have a count and a condition.
#[test]
fn short_forms_have_counts_and_conditions() {
    let form = "<form><field name='k' type='digits'><noinput><log>one</log></noinput><noinput count='2' cond='false'><log>never</log></noinput><noinput count='3'><exit expr='3'/></noinput></field></form>";
    let report = page(form).keys(&["", "", ""]).run();
    assert_eq!(report.logs(), ["one", "one"]);
}

/// V2.0 5.2.4: relative addresses in a handler of the root belong to the page in use.
#[test]
fn addresses_in_a_handler_belong_to_the_page() {
    let root = "<vxml version='2.1'><catch event='e'><goto next='#here'/></catch></vxml>";
    let value = document("<vxml version='2.1' application='root.vxml'><form><block><throw event='e'/></block></form><form id='here'><block><exit expr='1'/></block></form></vxml>").file("root.vxml", root).value();
    assert_eq!(value, json!(1));
}

/// V2.0 5.2.4: properties in a handler are those of the place where the event was thrown.
#[test]
fn properties_in_a_handler() {
    let form = "<property name='timeout' value='9s'/><form><field name='k' type='digits'><property name='timeout' value='2s'/><prompt>a</prompt><noinput>again</noinput><noinput count='2'><exit/></noinput></field></form>";
    assert_eq!(page(form).keys(&["", ""]).run().now_ms, 4_000);
}

/// V2.0 5.2.5: without a handler `connection.disconnect` ends the application.
#[test]
fn the_hang_up_without_a_handler_ends() {
    let report = page("<form><field name='k' type='digits'/></form>")
        .keys(&["hangup"])
        .run();
    assert_eq!(report.ending, vxml::Ending::Hangup);
}

/// V2.0 1.5.4: after the hang-up the page may send data, and a page that answers is executed.
#[test]
fn after_the_hang_up_data_may_be_sent() {
    let report = page("<form><field name='k' type='digits'/></form><catch event='connection.disconnect.hangup'><submit next='bye.vxml'/></catch>").file("bye.vxml", &vxml("<form><block><prompt>unheard</prompt><log>got it</log></block></form>")).keys(&["hangup"]).run();
    assert_eq!(report.logs(), ["got it"]);
    assert!(report.prompts().is_empty());
}

/// V2.0 5.3.9: `exit` does not throw the event `exit`.
#[test]
fn exit_is_no_event() {
    let value = page(
        "<form><block><exit expr='1'/></block><catch event='exit'><exit expr='2'/></catch></form>",
    )
    .value();
    assert_eq!(value, json!(1));
    let report = page("<form><block><exit expr='1' namelist='a'/></block></form>").run();
    assert_eq!(report.error(), "error.badfetch");
}
