//! Keys: timing, type-ahead and the grammars that listen.

use serde_json::json;
use vxml::{Answer, Effect, FetchKind, Input, Session, Start};

use crate::support::page;

/// V2.0 6.3.3: an input that can go on waits `interdigittimeout`.
#[test]
fn an_input_that_can_go_on_waits() {
    let form = "<property name='interdigittimeout' value='2s'/><form><field name='k' type='digits'><filled><exit expr='k'/></filled></field></form>";
    let report = page(form).keys(&["12"]).run();
    assert_eq!(report.now_ms, 2_200);
    assert_eq!(page(form).keys(&["12"]).value(), json!("12"));
}

/// V2.0 6.3.3: a complete input waits `termtimeout`, which is nothing by default.
#[test]
fn a_complete_input_waits_the_termtimeout() {
    let form = |property: &str| {
        format!(
            "{property}<form><field name='k' type='digits?length=2'><filled><exit expr='k'/></filled></field></form>"
        )
    };
    assert_eq!(page(&form("")).keys(&["12"]).run().now_ms, 200);
    assert_eq!(
        page(&form("<property name='termtimeout' value='1s'/>"))
            .keys(&["12"])
            .run()
            .now_ms,
        1_200
    );
}

/// V2.0 6.3.3: `termchar` ends the input and is no part of it.
#[test]
fn the_termchar_ends_the_input() {
    let form =
        "<form><field name='k' type='digits'><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["12#"]).value(), json!("12"));
    assert_eq!(page(form).keys(&["12#"]).run().now_ms, 300);
    let star = format!("<property name='termchar' value='*'/>{form}");
    assert_eq!(page(&star).keys(&["12*"]).value(), json!("12"));
}

/// V2.0 D: a `termchar` that a grammar wants is a key.
#[test]
fn a_wanted_termchar_is_a_key() {
    let form = "<form><field name='k'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1 #</rule></grammar><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["1#"]).value(), json!("1#"));
}

/// V2.0 6.3.3: keys that are no sentence and cannot become one are a `nomatch`.
#[test]
fn keys_that_lead_nowhere_are_no_match() {
    let report =
        page("<form><field type='digits?length=4'><nomatch><exit/></nomatch></field></form>")
            .keys(&["12*"])
            .run();
    assert_eq!((report.events(), report.now_ms), (vec!["nomatch"], 300));
}

/// V2.0 D: keys that stay incomplete are a `nomatch` after `interdigittimeout`.
#[test]
fn an_incomplete_input_is_no_match() {
    let report =
        page("<form><field type='digits?length=4'><nomatch><exit/></nomatch></field></form>")
            .keys(&["12"])
            .run();
    assert_eq!((report.events(), report.now_ms), (vec!["nomatch"], 3_200));
    let report =
        page("<form><field type='digits?length=4'><nomatch><exit/></nomatch></field></form>")
            .keys(&["12#"])
            .run();
    assert_eq!(report.events(), ["nomatch"]);
}

/// V2.0 6.3.4: nothing within `timeout` after the prompts is a `noinput`.
#[test]
fn silence_is_no_input() {
    let report = page("<form><field type='digits'><noinput><exit/></noinput></field></form>").run();
    assert_eq!((report.events(), report.now_ms), (vec!["noinput"], 5_000));
}

/// V2.0 4.1.7: the `timeout` of the last prompt governs.
#[test]
fn the_timeout_of_the_last_prompt_governs() {
    let report = page("<form><field type='digits'><prompt timeout='9s'>a</prompt><prompt timeout='2s'>b</prompt><noinput><exit/></noinput></field></form>").run();
    assert_eq!(report.now_ms, 2_000);
}

/// V2.0 4.1.5: a key stops prompts that allow it.
#[test]
fn a_key_stops_a_prompt() {
    let report = page("<form><field name='k' type='digits?length=1'><prompt>long</prompt><filled><exit expr='k'/></filled></field></form>").keys(&["1"]).run();
    assert_eq!(report.prompts(), ["long"]);
}

/// V2.0 4.1.5: prompts with `bargein="false"` are played to their end, then keys count.
#[test]
fn a_prompt_may_insist() {
    let form = "<form><field name='a' type='digits?length=1'/><field name='b' type='digits?length=1'><prompt bargein='false'>listen</prompt><prompt>then</prompt><filled><exit expr='a+b'/></filled></field></form>";
    let report = page(form).keys(&["12", "3"]).run();
    assert_eq!(report.prompts(), ["listen", "then"]);
    assert_eq!(page(form).keys(&["12", "3"]).value(), json!("13"));
}

/// V2.0 6.3.4: the property `bargein` holds for prompts that say nothing.
#[test]
fn the_property_bargein_holds() {
    let form = "<property name='bargein' value='false'/><form><field name='a' type='digits?length=1'/><field name='b' type='digits?length=1'><prompt>p</prompt><filled><exit expr='b'/></filled></field></form>";
    assert_eq!(page(form).keys(&["12", "3"]).value(), json!("3"));
}

/// A page whose second form is reached over a fetch, during which a key is pressed: what the
/// second form took, and how many prompts were begun.
fn key_while_fetching(attributes: &str, prompt: &str) -> (bool, usize) {
    let content = format!(
        "<form><block><data name='d' src='d.json'/><goto next='#g'/></block></form>\
         <form id='g' {attributes}><field name='c' type='digits?length=1'>{prompt}<filled><exit expr='c'/></filled></field></form>"
    );
    let text = format!(
        "<vxml version='2.1' xmlns:gvp='http://www.genesyslab.com/2006/vxml21-extension'>{content}</vxml>"
    );
    let start = Start {
        speech: true,
        ..Start::default()
    };
    let mut session = Session::new(start).unwrap();
    session.start(crate::support::MAIN, 0);
    let mut plays = 0;
    while let Some(effect) = session.poll_effect() {
        let request = match effect {
            Effect::Fetch(request) => request,
            Effect::Play(_) => {
                plays += 1;
                continue;
            }
            _ => continue,
        };
        let body = match request.kind {
            FetchKind::Document => text.clone(),
            _ => {
                session.handle(Input::Key('7'), 0);
                "5".to_owned()
            }
        };
        let answer = Answer {
            body: body.into(),
            ..Answer::default()
        };
        session.handle(
            Input::Fetched {
                id: request.id,
                answer: Ok(answer),
            },
            0,
        );
    }
    (session.is_ended(), plays)
}

/// V2.0 4.1.5: keys pressed ahead answer the next fields and their prompts are not played.
#[test]
fn keys_may_come_ahead() {
    assert_eq!(key_while_fetching("", "<prompt>p</prompt>"), (true, 0));
    let form = "<form><field name='a' type='digits?length=1'/><field name='b' type='digits?length=2'/><block><goto next='#g'/></block></form><form id='g'><field name='c' type='digits?length=1'><filled><exit expr='c'/></filled></field></form>";
    assert_eq!(page(form).keys(&["1234"]).value(), json!("4"));
}

/// V2.0 4.1.5: a prompt with `bargein="false"` forgets keys that came ahead.
#[test]
fn a_prompt_that_insists_forgets_keys() {
    assert_eq!(
        key_while_fetching("", "<prompt bargein='false'>p</prompt>"),
        (false, 1)
    );
}

/// G 7: `gvp:cleardtmf` forgets keys that came ahead at entry; false keeps them even over a prompt that insists.
#[test]
fn a_form_may_forget_or_keep_keys() {
    assert_eq!(
        key_while_fetching("gvp:cleardtmf='true'", "<prompt>p</prompt>"),
        (false, 1)
    );
    assert_eq!(
        key_while_fetching("gvp:cleardtmf='false'", "<prompt>p</prompt>"),
        (true, 0)
    );
}

/// V2.0 3.1.3: a modal field listens to its own grammars only.
#[test]
fn a_modal_field_listens_to_itself() {
    let form = |modal: &str| {
        format!(
            "<link dtmf='*' event='e'/><form><field name='k' type='digits?length=1' modal='{modal}'><nomatch><exit expr=\"'nomatch'\"/></nomatch></field></form><catch event='e'><exit expr=\"'link'\"/></catch>"
        )
    };
    assert_eq!(page(&form("true")).keys(&["*"]).value(), json!("nomatch"));
    assert_eq!(page(&form("false")).keys(&["*"]).value(), json!("link"));
}

/// V2.0 3.1.4: the grammar of the item comes before that of the form, the link and the page.
#[test]
fn the_nearest_grammar_wins() {
    let form = "<link dtmf='1' event='e'/><form><field name='k'><option dtmf='1' value='own'>x</option><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!("own"));
}

/// V2.0 3.1.3: a form with document scope is entered by its grammar from another dialog.
#[test]
fn a_form_may_be_entered_by_its_grammar() {
    let content = "<form><field type='digits?length=2'/></form><form id='g' scope='document'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>*<tag>out.x='star'</tag></rule></grammar><field name='x'><filled><exit expr='x'/></filled></field></form>";
    assert_eq!(page(content).keys(&["*"]).value(), json!("star"));
}

/// V2.0 2.2: a menu with document scope is entered by its choices from another dialog.
#[test]
fn a_menu_may_be_entered_by_its_choices() {
    let content = "<form><field type='digits?length=2'/></form><menu scope='document'><choice dtmf='*' next='#z'>z</choice></menu><form id='z'><block><exit expr=\"'z'\"/></block></form>";
    assert_eq!(page(content).keys(&["*"]).value(), json!("z"));
}

/// R 4: a `nomatch` forgets what was typed ahead.
#[test]
fn no_match_forgets_what_was_ahead() {
    let report =
        page("<form><field type='digits?length=1'><filled><exit/></filled></field></form>")
            .keys(&["**5", "", "1"])
            .run();
    assert_eq!(
        report
            .events()
            .iter()
            .filter(|event| **event == "nomatch")
            .count(),
        2
    );
}

/// V2.0 4.1.5.1: with the barge-in type `hotword` only keys that a grammar takes stop a prompt, and there is no `nomatch`.
#[test]
fn hot_words() {
    let form = "<form><field name='k'><prompt bargeintype='hotword'>long</prompt><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>4 2</rule></grammar><noinput><exit expr=\"'none'\"/></noinput><nomatch><exit expr=\"'nomatch'\"/></nomatch><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["9#42"]).value(), json!("42"));
    assert_eq!(page(form).keys(&["4942"]).value(), json!("42"));
    assert_eq!(page(form).keys(&["99", ""]).value(), json!("none"));
    assert_eq!(page(form).keys(&["4", ""]).value(), json!("none"));
    let property = form.replace(
        "<prompt bargeintype='hotword'>",
        "<property name='bargeintype' value='hotword'/><prompt>",
    );
    assert_eq!(page(&property).keys(&["942"]).value(), json!("42"));
    let speech = form.replace("hotword", "speech");
    assert_eq!(page(&speech).keys(&["9"]).value(), json!("nomatch"));
}

/// V2.0 6.3.6: with `inputmodes` without `dtmf` keys are nothing.
#[test]
fn keys_may_be_switched_off() {
    let form = "<form><field name='k' type='digits?length=1'><property name='inputmodes' value='voice'/><noinput><exit expr=\"'none'\"/></noinput><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["1", ""]).value(), json!("none"));
    let both = form.replace("'voice'", "'dtmf voice'");
    assert_eq!(page(&both).keys(&["1"]).value(), json!("1"));
}

/// V2.0 6.3.3: an empty `termchar` switches it off.
#[test]
fn there_may_be_no_termchar() {
    let form = "<form><field name='k' type='digits?minlength=1;maxlength=3'><property name='termchar' value=''/><nomatch><exit expr=\"'nomatch'\"/></nomatch><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["12"]).value(), json!("12"));
    let report = page(form).keys(&["12#", ""]).run();
    assert_ne!(report.events(), ["nomatch"]);
}

/// V2.0 3.1.3: grammars of items, choices and links have no scope.
#[test]
fn grammars_of_items_have_no_scope() {
    let grammar = "<grammar scope='document' mode='dtmf' version='1.0' root='r'><rule id='r'>1</rule></grammar>";
    for content in [
        format!("<form><field name='k'>{grammar}</field></form>"),
        format!("<menu><choice next='#f'>{grammar}</choice></menu><form id='f'/>"),
        format!("<link next='#f'>{grammar}</link><form id='f'/>"),
        format!("<form><transfer dest='tel:1'>{grammar}</transfer></form>"),
        format!("<form><record>{grammar}</record></form>"),
    ] {
        assert_eq!(page(&content).run().error(), "error.badfetch", "{content}");
    }
}

/// V2.0 3.1.3: a grammar of a form may have a scope of its own.
#[test]
fn a_grammar_of_a_form_may_have_a_scope() {
    let other = "<form id='o'><grammar scope='document' mode='dtmf' version='1.0' root='r'><rule id='r'>7<tag>out.a='x';</tag></rule></grammar><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>8<tag>out.a='y';</tag></rule></grammar><field name='a'><filled><exit expr='a'/></filled></field></form>";
    let form = format!(
        "<form><field name='k' type='digits?length=3'><nomatch><exit expr=\"'nomatch'\"/></nomatch></field></form>{other}"
    );
    assert_eq!(page(&form).keys(&["7"]).value(), json!("x"));
    let deaf = page(&form).keys(&["8*"]).value();
    assert_eq!(deaf, json!("nomatch"));
}

/// V2.0 3.1.1: a grammar has either an address or a content.
#[test]
fn a_grammar_has_one_source() {
    for grammar in [
        "<grammar/>",
        "<grammar src='a' srcexpr='1'/>",
        "<grammar src='a'><rule id='r'>1</rule></grammar>",
    ] {
        let report = page(&format!("<form><field name='k'>{grammar}</field></form>")).run();
        assert_eq!(report.error(), "error.badfetch", "{grammar}");
    }
}

/// V2.1 2: the address of a grammar may be computed each time it listens; undefined is `error.semantic`.
#[test]
fn the_address_of_a_grammar_may_be_computed() {
    let grammar = "<grammar xmlns='http://www.w3.org/2001/06/grammar' mode='dtmf' version='1.0' root='r'><rule id='r'>4</rule></grammar>";
    let form = "<form><field name='k'><grammar srcexpr=\"'a' + '.grxml'\"/><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(
        page(form).file("a.grxml", grammar).keys(&["4"]).value(),
        json!("4")
    );
    let report = page("<form><field name='k'><grammar srcexpr='undefined'/></field></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 3.1.1: `xml:base` of a grammar is what its references are resolved against.
#[test]
fn a_grammar_may_have_a_base() {
    let grammar = "<grammar xmlns='http://www.w3.org/2001/06/grammar' mode='dtmf' version='1.0' root='r'><rule id='r' scope='public'>4 2</rule></grammar>";
    let form = "<form><field name='k'><grammar mode='dtmf' version='1.0' root='r' xml:base='deep/'><rule id='r'><ruleref uri='a.grxml#r'/></rule></grammar><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(
        page(form)
            .file("deep/a.grxml", grammar)
            .keys(&["42"])
            .value(),
        json!("42")
    );
}

/// V2.0 3.1.6: a slot may lead into a member of the result.
#[test]
fn a_slot_may_lead_into_the_result() {
    let form = "<form><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1<tag>out.from={city:'x'}; out.to={city:'y'};</tag></rule></grammar><field name='a' slot='from.city'/><field name='b' slot='to.city'/><filled><exit expr='a+b'/></filled></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!("xy"));
}
