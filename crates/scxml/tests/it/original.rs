//! The draft of 2009 as the original orchestration server runs it.

use std::collections::HashMap;

use scxml::{Data, Dialect, Event, Loader};
use serde_json::json;

use crate::support::{run, run_with};

const HEAD: &str = "<scxml xmlns='http://www.w3.org/2005/07/scxml' profile='ecmascript' \
    xmlns:session='www.genesyslab.com/modules/session' xmlns:ixn='http://www.genesyslab.com/modules/interaction/' \
    xmlns:dialog='http://www.genesyslab.com/modules/dialog' xmlns:xi='http://www.w3.org/2001/XInclude'>";

fn dialect(text: &str) -> Dialect {
    Loader::new("main.scxml", text, None)
        .finish()
        .unwrap()
        .dialect()
}

#[test]
fn the_dialect_is_chosen_by_the_looks() {
    let page = |root: &str, content: &str| {
        format!(
            "<scxml xmlns='http://www.w3.org/2005/07/scxml' {root}>{content}<final id='e'/></scxml>"
        )
    };
    let vendor = "xmlns:q='www.genesyslab.com/modules/queue'";
    let send = "<state id='s'><onentry><send event=\"'x'\"/></onentry></state>";
    assert_eq!(dialect(&page("", "")), Dialect::W3c10);
    assert_eq!(dialect(&page("profile='ecmascript'", "")), Dialect::Ors2009);
    assert_eq!(dialect(&page(vendor, "")), Dialect::Ors2009);
    assert_eq!(
        dialect(&page("xmlns:q='http://www.genesyslab.com/modules/ws'", "")),
        Dialect::Ors2009
    );
    assert_eq!(
        dialect(&page(&format!("datamodel='ecmascript' {vendor}"), "")),
        Dialect::W3c10
    );
    assert_eq!(dialect(&page("", send)), Dialect::Ors2009);
}

#[test]
fn attributes_of_send_are_expressions() {
    let text = format!(
        "{HEAD}<state id='s'><onentry><send event=\"'tick'\" delay=\"'200ms'\"/></onentry>\
         <transition event='tick' target='end'/></state><final id='end'/></scxml>"
    );
    assert_eq!(run(&text).final_state(), "end");
}

#[test]
fn raise_carries_params_and_data_has_two_names() {
    let text = format!(
        "{HEAD}<datamodel><data id='x' expr='5'/></datamodel><state id='s'>\
         <onentry><raise event='go'><param name=\"'a'\" expr='_data.x + x'/></raise></onentry>\
         <transition event='go' cond='_event.data.a == 10' target='end'>\
         <assign location='_data.y' expr='1'/><assign location='_data.x' expr='y + 1'/></transition></state>\
         <final id='end'><onentry><log expr='x' label=\"'x'\" level='1'/></onentry></final></scxml>"
    );
    let report = run(&text);
    assert_eq!(
        (report.final_state(), report.log.as_slice()),
        ("end", &["x: 2".to_owned()][..])
    );
}

#[test]
fn functions_of_the_draft_are_there() {
    let text = format!(
        "{HEAD}<state id='s'><onentry><script>__Log('text', 'label', 4); __Raise('go', {{n: 1}});\
         __Log(uneval({{a: 'b', c: [1]}})); __Log(({{d: 1}}).toSource()); __Log(__GetCurrentStates());\
         __Log(__GetDocumentURL()); var seen = []; for (var k in {{z: 1}}) seen.push(k); __Log(seen.join())</script></onentry>\
         <transition event='go' cond='_event.data.n == 1' target='end'/></state><final id='end'/></scxml>"
    );
    let report = run(&text);
    let expected = [
        "label: text",
        ": ({a:\"b\", c:[1]})",
        ": ({d:1})",
        ": [\"s\"]",
        ": main.scxml",
        ": z",
    ];
    assert_eq!(
        (report.final_state(), report.log.as_slice()),
        ("end", &expected.map(str::to_owned)[..])
    );
}

#[test]
fn errors_have_the_names_of_the_draft() {
    let page = |content: &str, event: &str| {
        format!(
            "{HEAD}<state id='s'><onentry>{content}</onentry><transition event='{event}' target='end'/>\
             <transition event='error' target='other'/></state><final id='end'/><final id='other'/></scxml>"
        )
    };
    for (content, event) in [
        ("<script>none.x</script>", "error.script.ReferenceError"),
        (
            "<script>new Array(1e9)+''</script>",
            "error.script.RangeError",
        ),
        // Memory or time, whichever a busy machine lets run out first.
        (
            "<script>var a = []; for (;;) a.push(new Array(1000).fill(1))</script>",
            "error.script",
        ),
        (
            "<send event=\"'x'\" target=\"'nobody'\"/>",
            "error.send.nosuchsession",
        ),
        ("<if cond='none.x'/>", "error.illegalcond"),
        ("<cancel sendid=\"'none'\"/>", "error.notallowed"),
        ("<assign location='a.b.c' expr='1'/>", "error.illegalloc"),
        ("<assign location='x' expr='none.x'/>", "error.script"),
    ] {
        assert_eq!(run(&page(content, event)).final_state(), "end", "{content}");
    }
}

#[test]
fn modules_become_actions() {
    let text = format!(
        "{HEAD}<datamodel><data id='id'/></datamodel><state id='s'><onentry>\
         <session:fetch requestid='_data.id' srcexpr=\"'http://' + 'h/x'\" method=\"'post'\" timeout='10'>\
         <param name=\"'action'\" expr='1 + 1'/></session:fetch>\
         <ixn:redirect interactionid=\"'i'\" to=\"'7001'\" hints='{{}}' detach='true'/>\
         <dialog:play interactionid=\"'i'\"><dialog:prompts type=\"'ann'\"><dialog:prompt number='1'/></dialog:prompts></dialog:play>\
         </onentry><transition event='session.fetch.done' cond='_event.data.requestid == id' target='end'/></state>\
         <final id='end'/></scxml>"
    );
    let report = run(&text);
    let [fetch, redirect, play] = report.actions.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(
        (fetch.module.as_str(), fetch.element.name.as_str()),
        ("session", "fetch")
    );
    assert_eq!(
        fetch.element.attribute("srcexpr"),
        Some(&json!("http://h/x"))
    );
    assert_eq!(fetch.element.attribute("method"), Some(&json!("post")));
    assert_eq!(fetch.element.params, [("action".to_owned(), json!(2))]);
    assert_eq!(redirect.module, "interaction");
    assert_eq!(redirect.element.attribute("hints"), Some(&json!({})));
    assert_eq!(redirect.element.attribute("detach"), Some(&json!(true)));
    assert_eq!(
        play.element.children[0].children[0].attribute("number"),
        Some(&json!(1))
    );
    let done = Event::external(
        "session.fetch.done",
        Data::Json(json!({"requestid": fetch.request_id})),
    );
    assert_eq!(
        run_with(&text, &HashMap::new(), &[done]).final_state(),
        "end"
    );
}

#[test]
fn includes_bring_scripts_and_states_with_prefixes() {
    let main = format!(
        "{HEAD}<script><xi:include href='lib/f.js' parse='text'/></script><state id='s' initial='A.sub'>\
         <xi:include href='sub.scxml' xpointer='sub' resolveid='A'/>\
         <xi:include href='sub.scxml' xpointer='sub' resolveid='B'/>\
         <transition event='left.A' target='B.sub'/><transition event='left.B' target='end'/></state>\
         <final id='end'/></scxml>"
    );
    let sub = "<scxml xmlns='http://www.w3.org/2005/07/scxml'><state id='sub' initial='one'>\
        <state id='one'><transition target='two'/></state>\
        <state id='two'><onentry><script>__Log(f('$$_MY_PREFIX_$$') + _my_prefix)</script>\
        <raise event='left.$$_MY_PREFIX_$$'/></onentry></state></state></scxml>";
    let files = HashMap::from([
        ("lib/f.js", "function f(x) { return '<' + x + '>' }"),
        ("sub.scxml", sub),
    ]);
    let report = run_with(&main, &files, &[]);
    assert_eq!(report.final_state(), "end");
    assert_eq!(report.log, [": <A>A", ": <B>B"]);
}

#[test]
fn invoked_sessions_end_with_reason_and_params() {
    let text = format!(
        "{HEAD}<state id='s'><invoke id='i' src='child.scxml'><param name='x' expr='3'/></invoke>\
         <transition event='done.invoke.i' cond='_event.data.params.y == 4' target='t'/></state>\
         <state id='t'><transition event='done.scxml.help' cond='_event.data.params.y == 4' target='end'/></state>\
         <final id='end'/></scxml>"
    );
    let child = format!(
        "{}<final id='e'><donedata><param name='y' expr='args_.x + 1'/></donedata></final></scxml>",
        HEAD.replace("profile=", "name='help' profile=")
    );
    let files = HashMap::from([("child.scxml", child.as_str())]);
    assert_eq!(run_with(&text, &files, &[]).final_state(), "end");
}

#[test]
fn a_document_that_cannot_be_fetched_has_protocol_and_code() {
    let text = format!(
        "{HEAD}<state id='s'><invoke src='none.scxml'/>\
         <transition event='error.badfetch' target='end'/></state><final id='end'/></scxml>"
    );
    assert_eq!(run(&text).final_state(), "end");
}
