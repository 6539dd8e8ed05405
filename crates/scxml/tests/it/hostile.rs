//! Documents that want everything: each ends in a limit, with an event or a clear end.

use std::collections::HashMap;
use std::fmt::Write as _;

use scxml::{Data, Ending, Event, Loader};

use crate::support::{run, run_with, watch};

const HEAD: &str = "<scxml xmlns='http://www.w3.org/2005/07/scxml' datamodel='ecmascript'>";

/// Runs a script on entry; the document reports which error it saw.
fn after_script(script: &str) -> (String, u64) {
    let text = format!(
        "{HEAD}<state id='s'><onentry><script><![CDATA[{script}]]></script></onentry>\
         <transition event='error.execution' target='told'/><transition event='*' target='other'/></state>\
         <final id='told'/><final id='other'/></scxml>"
    );
    let clock = watch();
    let report = run(&text);
    (report.final_state().to_owned(), clock.elapsed_us() / 1_000)
}

#[test]
fn hostile_scripts_end_as_error_events() {
    for script in [
        "while (true) {}",
        "var a = []; for (;;) a.push(new Array(1000).fill(1))",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "new Array(1e9) + ''",
        "(function f() { f() })()",
        "eval('('.repeat(1e6))",
    ] {
        let (state, took) = after_script(script);
        assert_eq!(state, "told", "{script}");
        assert!(took < 2_000, "{script} took {took} ms");
    }
}

#[test]
fn endless_events_end_the_session() {
    let raising = format!(
        "{HEAD}<state id='s'><onentry><raise event='e'/></onentry><transition event='e' target='s'/></state></scxml>"
    );
    let eventless = format!("{HEAD}<state id='s'><transition target='s'/></state></scxml>");
    let many = format!(
        "{HEAD}<state id='s'><onentry><script>var n = new Array(2000).fill(0)</script>\
         <foreach array='n' item='i'><raise event='e'/></foreach></onentry></state></scxml>"
    );
    let failing = format!(
        "{HEAD}<state id='s'><transition event='*' cond='none.x' target='s'/>\
         <onentry><raise event='e'/></onentry></state></scxml>"
    );
    let always =
        format!("{HEAD}<state id='s'><transition cond='none.x' target='s'/></state></scxml>");
    for text in [raising, eventless, many, failing, always] {
        let report = run(&text);
        assert!(
            matches!(report.ending, Some(Ending::Limit { .. })),
            "{:?}",
            report.ending
        );
    }
}

#[test]
fn sessions_that_write_to_themselves_let_the_host_go_on() {
    let text = format!(
        "{HEAD}<state id='s'><onentry><send event='e'/></onentry><transition event='e' target='s'/>\
         <transition event='stop' target='end'/></state><final id='end'/></scxml>"
    );
    let stop = Event::external("stop", Data::None);
    let report = run_with(&text, &HashMap::new(), &[stop]);
    assert_eq!(report.final_state(), "end");
}

#[test]
fn endless_invocations_end_at_the_number_of_sessions() {
    let text = format!(
        "{HEAD}<state id='s'><invoke src='main.scxml'/><transition event='error' target='end'/>\
         <transition event='done.invoke' target='end'/></state><final id='end'/></scxml>"
    );
    assert_eq!(run(&text).final_state(), "end");
}

#[test]
fn documents_beyond_their_bounds_are_refused() {
    let finish = |text: String| {
        let mut loader = Loader::new("main.scxml", text, None);
        while let Some(url) = loader.poll_missing() {
            loader.handle_file(&url, Err("not there".to_owned()));
        }
        loader
            .finish()
            .map(|_| ())
            .map_err(|problems| problems[0].message.clone())
    };
    let mut states = String::new();
    for number in 0..20_100 {
        write!(states, "<state id='s{number}'/>").unwrap();
    }
    let message = finish(format!("{HEAD}{states}</scxml>")).unwrap_err();
    assert!(message.contains("20000 states"), "{message}");
    let message = finish(format!("{HEAD}<!--{}--></scxml>", "x".repeat(3 << 20))).unwrap_err();
    assert!(message.contains("bytes"), "{message}");
    let deep = format!(
        "{HEAD}{}{}</scxml>",
        "<state>".repeat(300),
        "</state>".repeat(300)
    );
    assert!(finish(deep).unwrap_err().contains("nested"));
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><scxml>&b;</scxml>";
    assert!(
        finish(bomb.to_owned())
            .unwrap_err()
            .contains("document type")
    );
    assert!(finish("<scxml".to_owned()).is_err());
    assert!(finish(String::new()).is_err());
}

#[test]
fn includes_that_include_themselves_are_refused() {
    let include = "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='a.xml'/>";
    let main = format!("{HEAD}<state id='s'>{include}</state></scxml>");
    let mut loader = Loader::new("main.scxml", main, None);
    let part = format!("<state xmlns='http://www.w3.org/2005/07/scxml' id='x'>{include}</state>");
    while let Some(url) = loader.poll_missing() {
        loader.handle_file(&url, Ok(part.clone()));
    }
    let problems = loader.finish().unwrap_err();
    assert!(
        problems[0].message.contains("includes itself"),
        "{problems:?}"
    );
}

#[test]
fn histories_that_lead_in_circles_are_refused() {
    let text = format!(
        "{HEAD}<state id='s'><history id='a'><transition target='b'/></history>\
         <history id='b'><transition target='a'/></history><state id='c'/></state></scxml>"
    );
    let problems = Loader::new("main.scxml", text, None).finish().unwrap_err();
    assert!(problems[0].message.contains("history"), "{problems:?}");
}
