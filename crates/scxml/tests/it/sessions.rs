//! Behaviour that the conformance documents do not reach: data, placing of faults, the null model.

use std::collections::HashMap;
use std::sync::Arc;

use scxml::{Data, DataModel, Effect, Ending, Event, Loader, Session, Start};
use serde_json::json;

use crate::support::{run, run_with};

const HEAD: &str = "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='ecmascript'>";

#[test]
fn done_data_comes_out() {
    let text = format!(
        "{HEAD}<datamodel><data id='x' expr='{{a: [1, 2]}}'/></datamodel><final id='end'>\
         <donedata><param name='x' location='x'/><param name='y' expr='x.a.length'/></donedata></final></scxml>"
    );
    let report = run(&text);
    let Some(Ending::Final { state, data }) = report.ending else {
        panic!("{report:?}")
    };
    assert_eq!(
        (state.as_str(), data),
        ("end", Data::Json(json!({"x": {"a": [1, 2]}, "y": 2})))
    );
}

#[test]
fn the_null_data_model_knows_states_only() {
    let text = "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='null'><parallel id='p'>\
        <state id='a'><state id='a1'><transition event='go' target='a2'/></state><state id='a2'/></state>\
        <state id='b'><transition cond=\"In('a2')\" target='end'/></state></parallel><final id='end'/></scxml>";
    let document = Loader::new("main.scxml", text, None).finish().unwrap();
    assert_eq!(document.data_model(), DataModel::Null);
    let mut session = Session::new(Arc::new(document), Start::default());
    session.start(0);
    assert_eq!(session.configuration(), ["p", "a", "a1", "b"]);
    session.handle_event(Event::external("go", Data::None), 0);
    assert!(matches!(
        session.poll_effect(),
        Some(Effect::Done(Ending::Final { .. }))
    ));
    assert_eq!(session.heap_bytes(), 0);
}

#[test]
fn faults_are_told_with_their_place() {
    let text = format!(
        "{HEAD}\n<state id='s'>\n  <transition target='gone'/>\n</state>\n<state id='s'/>\n</scxml>"
    );
    let problems = Loader::new("main.scxml", text, None).finish().unwrap_err();
    let places: Vec<_> = problems
        .iter()
        .map(|problem| (problem.place.line, problem.place.column))
        .collect();
    assert_eq!(places, [(3, 3), (5, 1)], "{problems:?}");
    let text = format!(
        "{HEAD}\n<state id='s'>\n  <onentry><script>\nvar a = ;\n</script></onentry></state></scxml>"
    );
    let document = Loader::new("main.scxml", text, None).finish().unwrap();
    let fault = &document.faults()[0];
    assert_eq!(fault.place.line, 4, "{fault}");
}

#[test]
fn system_variables_cannot_be_written_by_scripts_either() {
    let text = format!(
        "{HEAD}<state id='s'><onentry><script>_event = 1</script></onentry>\
         <transition event='error.execution' target='pass'/></state><final id='pass'/></scxml>"
    );
    assert_eq!(run(&text).final_state(), "pass");
}

#[test]
fn delayed_messages_are_cancelled() {
    let text = format!(
        "{HEAD}<state id='s'><onentry><send id='a' event='late' delay='5s'/><send event='soon' delay='1s'/></onentry>\
         <transition event='soon' target='t'><cancel sendid='a'/></transition></state>\
         <state id='t'><onentry><send event='end' delay='10s'/></onentry><transition event='late' target='fail'/>\
         <transition event='end' target='pass'/></state><final id='pass'/><final id='fail'/></scxml>"
    );
    assert_eq!(run(&text).final_state(), "pass");
}

#[test]
fn a_missing_document_is_a_communication_error() {
    let text = format!(
        "{HEAD}<state id='s'><invoke id='i' src='gone.scxml'/>\
         <transition event='error.communication' cond=\"_event.invokeid == 'i'\" target='pass'/></state><final id='pass'/></scxml>"
    );
    assert_eq!(run(&text).final_state(), "pass");
}

#[test]
fn the_end_of_a_parent_ends_its_children() {
    let text = format!(
        "{HEAD}<state id='s'><invoke><content>{HEAD}<state id='c'><onentry><send target='#_parent' event='up'/></onentry>\
         <onexit><log expr=\"'left'\"/></onexit></state></scxml></content></invoke>\
         <transition event='up' target='end'/></state><final id='end'/></scxml>"
    );
    let report = run(&text);
    assert_eq!(
        (report.final_state(), report.log.as_slice()),
        ("end", &[": left".to_owned()][..])
    );
}

#[test]
fn params_of_the_start_replace_data() {
    let text = format!(
        "{HEAD}<datamodel><data id='x' expr='1'/></datamodel>\
         <final id='end'><donedata><content expr='[x, typeof y]'/></donedata></final></scxml>"
    );
    let document = Loader::new("main.scxml", text, None).finish().unwrap();
    let params = vec![
        ("x".to_owned(), Data::Json(json!(7))),
        ("y".to_owned(), Data::Json(json!(8))),
    ];
    let mut session = Session::new(
        Arc::new(document),
        Start {
            params,
            ..Start::default()
        },
    );
    session.start(0);
    let Some(Effect::Done(Ending::Final { data, .. })) = session.poll_effect() else {
        panic!()
    };
    assert_eq!(data, Data::Json(json!([7, "undefined"])));
}

#[test]
fn a_full_queue_and_an_ended_session_refuse_events() {
    let text = format!(
        "{HEAD}<state id='s'><transition event='go' target='end'/></state><final id='end'/></scxml>"
    );
    let events = [
        Event::external("go", Data::None),
        Event::external("go", Data::None),
    ];
    assert_eq!(
        run_with(&text, &HashMap::new(), &events).final_state(),
        "end"
    );
    let document = Arc::new(Loader::new("main.scxml", text, None).finish().unwrap());
    let mut session = Session::new(document, Start::default());
    assert!(!session.handle_event(Event::external("go", Data::None), 0));
    session.start(0);
    assert!(session.handle_event(Event::external("go", Data::None), 0));
    assert!(!session.handle_event(Event::external("go", Data::None), 0));
}
